//! Bytes of a header to text.
//!
//! RFC 3261 7.3.1 wants UTF-8; old exchanges and adapters in China send display names in GBK. One stray name must not
//! cost a call.

use std::borrow::Cow;

/// Decodes UTF-8, else GB18030 (which holds GBK and GB 2312), else byte by byte as Latin-1. Never fails.
///
/// A lone CR becomes a space: some readers of what we echo would take it for the end of the line.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => decode_foreign(bytes),
    };
    if text.contains('\r') { Cow::Owned(text.replace('\r', " ")) } else { text }
}

fn decode_foreign(bytes: &[u8]) -> Cow<'_, str> {
    let chinese = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    chinese.unwrap_or_else(|| bytes.iter().map(|&byte| char::from(byte)).collect())
}
