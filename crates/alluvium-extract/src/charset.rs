//! Bytes of unknown charset into text: byte-order mark, the document's own declaration, valid UTF-8,
//! UTF-16 by the pattern of its zero bytes, and then a guess.

use alluvium_core::quarantine::Cause;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::outcome::Failure;

/// How much of a document the detector reads.
const DETECT: usize = 1 << 20;

/// Decodes text; `declared` is a charset label that the document gives for itself. Binary data is
/// refused.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> Result<String, Failure> {
    let (text, encoding) = decode_any(bytes, declared);
    check_text(&text, encoding)?;
    Ok(text)
}

fn decode_any(bytes: &[u8], declared: Option<&str>) -> (String, &'static Encoding) {
    if let Some((encoding, bom)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(bom..).unwrap_or_default();
        return (encoding.decode_without_bom_handling(rest).0.into_owned(), encoding);
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    if let Some(encoding) = declared {
        // A declaration that could be read as ASCII can't have been UTF-16 (so does WHATWG).
        let encoding = if [UTF_16LE, UTF_16BE].contains(&encoding) { UTF_8 } else { encoding };
        let (text, malformed) = encoding.decode_without_bom_handling(bytes);
        if !malformed {
            return (text.into_owned(), encoding);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains('\0')
    {
        return (text.to_owned(), UTF_8);
    }
    // A declaration that is wrong about a byte or two is still better than a guess.
    let mostly_right = declared.filter(|declared| {
        let text = declared.decode_without_bom_handling(bytes).0;
        text.chars().filter(|c| *c == '\u{fffd}').count() * 50 < text.len()
    });
    let encoding = utf16_by_zeros(bytes).or(mostly_right).unwrap_or_else(|| guess(bytes));
    (encoding.decode_without_bom_handling(bytes).0.into_owned(), encoding)
}

/// UTF-16 without a mark: Latin text has a zero in every other byte.
fn utf16_by_zeros(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = sample.len() / 5;
    match () {
        () if sample.len() < 8 => None,
        () if odd > many && even * 20 < odd => Some(UTF_16LE),
        () if even > many && odd * 20 < even => Some(UTF_16BE),
        () => None,
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.get(..DETECT).unwrap_or(bytes), bytes.len() <= DETECT);
    detector.guess(None, Utf8Detection::Allow)
}

/// Text has no zero bytes, few control characters and few characters that could not be decoded.
fn check_text(text: &str, encoding: &'static Encoding) -> Result<(), Failure> {
    let (mut all, mut zero, mut control, mut lost) = (0usize, 0usize, 0usize, 0usize);
    for c in text.chars() {
        all += 1;
        match c {
            '\0' => zero += 1,
            '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{8}' => {}
            '\u{fffd}' => lost += 1,
            // C1 controls come out of mislabelled Windows text and cost nothing.
            c if c.is_control() && !('\u{80}'..='\u{9f}').contains(&c) => control += 1,
            _ => {}
        }
    }
    let name = encoding.name();
    // A stray zero or two happen in real logs; binary data is full of them.
    if zero > 0 && zero * 1000 > all {
        return Err(Failure::new(
            Cause::NotText,
            format!("binary data: {zero} zero bytes in {all} characters"),
        ));
    }
    if control * 20 > all {
        let detail = format!("binary data: {control} control characters in {all} (read as {name})");
        return Err(Failure::new(Cause::NotText, detail));
    }
    if lost * 5 > all {
        let detail = format!("{lost} of {all} characters can't be decoded (read as {name})");
        return Err(Failure::new(Cause::NotText, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_in_order() {
        let check = |bytes: &[u8], declared: Option<&str>, expect: &str| {
            assert_eq!(decode(bytes, declared).unwrap(), expect);
        };
        check("grün".as_bytes(), None, "grün");
        check(b"\xef\xbb\xbfgr\xc3\xbcn", Some("latin1"), "grün");
        check(b"gr\xfcn", Some("iso-8859-1"), "grün");
        let (lied, _, _) = encoding_rs::SHIFT_JIS.encode("これは日本語の文章です。文字コードを推定します。");
        check(&lied, Some("utf-8"), "これは日本語の文章です。文字コードを推定します。");
        check(b"\xff\xfeg\0r\0\xfc\0n\0", None, "grün");
        check(b"\xfe\xff\0g\0r\0\xfc\0n", None, "grün");
        check(b"w\0i\0t\0h\0o\0u\0t\0 \0m\0a\0r\0k\0", None, "without mark");
        check(b"\0w\0i\0t\0h\0o\0u\0t\0 \0m\0a\0r\0k", None, "without mark");
        check("сообщение об ошибке".as_bytes(), None, "сообщение об ошибке");
        let (koi, _, _) = encoding_rs::KOI8_R.encode("Это обычный русский текст в старой кодировке.");
        check(&koi, None, "Это обычный русский текст в старой кодировке.");
        let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode("これは日本語の文章です。文字コードを推定します。");
        check(&sjis, None, "これは日本語の文章です。文字コードを推定します。");
    }

    #[test]
    fn binary_is_not_text() {
        let elf: Vec<u8> = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".repeat(40);
        assert_eq!(decode(&elf, None).unwrap_err().cause, Cause::NotText);
        let noise: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(decode(&noise, None).unwrap_err().cause, Cause::NotText);
    }
}
