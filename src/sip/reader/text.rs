//! Bytes of a header to text.
//!
//! RFC 3261 7.3.1 wants UTF-8; old exchanges and adapters in China send display names in GBK. One stray name must not
//! cost a call.

use std::borrow::Cow;

/// Decodes UTF-8, else GB18030 (which holds GBK and GB 2312), else byte by byte as Latin-1. Never fails.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let chinese = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    chinese.unwrap_or_else(|| bytes.iter().map(|&byte| char::from(byte)).collect())
}
