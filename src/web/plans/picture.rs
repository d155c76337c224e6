//! Whether bytes are a picture, by their structure and not by what somebody calls them: PNG or JPEG, whole, with nothing
//! behind it, and no larger than a browser of an old telephone can show.

use crate::store::plans::Picture;
use sha2::{Digest, Sha256};

/// Bytes of a picture.
pub(super) const PICTURE_MAX: usize = 2 * 1024 * 1024;
/// Pixels of a side.
const SIDE_MAX: u32 = 8192;
/// Pixels in all: some 100 MB in a browser.
const PIXELS_MAX: u64 = 24_000_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

/// Why something is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::web) enum PictureFault {
    /// An SVG, which may hold scripts.
    #[error("an SVG may hold scripts: save it as PNG")]
    Svg,
    /// Neither PNG nor JPEG.
    #[error("neither PNG nor JPEG")]
    Unknown,
    /// It is broken, or something stands behind it.
    #[error("the picture is damaged")]
    Damaged,
    /// Too many bytes or pixels.
    #[error("at most 2 MiB and 8192 pixels a side")]
    TooLarge,
}

/// Reads a picture.
pub(super) fn read(bytes: Vec<u8>) -> Result<Picture, PictureFault> {
    if PICTURE_MAX < bytes.len() {
        return Err(PictureFault::TooLarge);
    }
    let (media_type, size) = if bytes.starts_with(PNG) {
        ("image/png", png(&bytes))
    } else if bytes.starts_with(JPEG) {
        ("image/jpeg", jpeg(&bytes))
    } else if is_svg(&bytes) {
        return Err(PictureFault::Svg);
    } else {
        return Err(PictureFault::Unknown);
    };
    let (width, height) = size.ok_or(PictureFault::Damaged)?;
    let is_side = |side: u32| (1..=SIDE_MAX).contains(&side);
    if !is_side(width) || !is_side(height) || PIXELS_MAX < u64::from(width) * u64::from(height) {
        return Err(PictureFault::TooLarge);
    }
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Picture { media_type, width, height, sha256, bytes })
}

fn is_svg(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_lowercase();
    head.contains("<svg") || head.trim_start_matches('\u{feff}').trim_start().starts_with("<?xml")
}

/// The size of a PNG whose chunks follow each other from the first to the last byte.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| {
        let four = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    };
    let mut at = PNG.len();
    let mut size = None;
    loop {
        let len = usize::try_from(number(at)?).ok()?;
        let kind = bytes.get(at.checked_add(4)?..at.checked_add(8)?)?;
        let end = at.checked_add(12)?.checked_add(len)?;
        if bytes.len() < end {
            return None;
        }
        match (kind, size) {
            (b"IHDR", None) if len == 13 => size = Some((number(at + 8)?, number(at + 12)?)),
            (_, None) => return None,
            (b"IEND", Some(size)) => return (end == bytes.len()).then_some(size),
            (_, Some(_)) => {}
        }
        at = end;
    }
}

/// The size of a JPEG, from the first segment that says it; it ends with its last marker.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.ends_with(b"\xff\xd9") {
        return None;
    }
    let two = |at: usize| Some(u32::from(*bytes.get(at)?) << 8 | u32::from(*bytes.get(at + 1)?));
    let mut at = 2;
    loop {
        let (fill, marker) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        match (fill, marker) {
            // Markers may be filled up with more of the same.
            (0xff, 0xff) => at += 1,
            // Sizes: every kind of frame but tables and arithmetic conditioning.
            (0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                return Some((two(at + 7)?, two(at + 5)?));
            }
            // The picture begins, and nothing has said how large it is.
            (0xff, 0xda | 0xd9) => return None,
            (0xff, _) => {
                at = at.checked_add(2)?.checked_add(usize::try_from(two(at + 2)?).ok()?)?
            }
            (_, _) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let len = u32::try_from(data.len()).expect("small").to_be_bytes();
        [&len[..], kind, data, &[0; 4]].concat()
    }

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
        [PNG, &chunk(b"IHDR", &head), &chunk(b"IDAT", b"x"), &chunk(b"IEND", b"")].concat()
    }

    fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
        let (w, h) = (width.to_be_bytes(), height.to_be_bytes());
        let frame = [&[0xff, 0xc0, 0, 11, 8][..], &h, &w, &[1, 1, 0x11, 0]].concat();
        let comment = [0xff, 0xfe, 0, 4, b'h', b'i'];
        [&[0xff, 0xd8][..], &comment, &frame, &[0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9]].concat()
    }

    #[test]
    fn a_picture_is_known_by_its_structure() {
        let check = |bytes: Vec<u8>, wanted: Result<(&str, u32, u32), PictureFault>| {
            let read = read(bytes).map(|one| (one.media_type, one.width, one.height));
            assert_eq!(read, wanted);
        };
        check(png_of(640, 480), Ok(("image/png", 640, 480)));
        check(jpeg_of(640, 480), Ok(("image/jpeg", 640, 480)));
        check(png_of(0, 480), Err(PictureFault::TooLarge));
        check(png_of(9000, 1), Err(PictureFault::TooLarge));
        check(png_of(8000, 8000), Err(PictureFault::TooLarge));
        check(vec![0; PICTURE_MAX + 1], Err(PictureFault::TooLarge));
        check([&png_of(9, 9)[..], b"<script>"].concat(), Err(PictureFault::Damaged));
        check(PNG.to_vec(), Err(PictureFault::Damaged));
        check([&jpeg_of(9, 9)[..], b"<script>"].concat(), Err(PictureFault::Damaged));
        check(b"GIF89a".to_vec(), Err(PictureFault::Unknown));
        check(Vec::new(), Err(PictureFault::Unknown));
        check(b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), Err(PictureFault::Svg));
        check(b"\xef\xbb\xbf<?xml version=\"1.0\"?><svg/>".to_vec(), Err(PictureFault::Svg));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(start in 0..3_usize, rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let head: [&[u8]; 3] = [PNG, JPEG, b""];
            drop(read([head[start], &rest].concat()));
        }
    }
}
