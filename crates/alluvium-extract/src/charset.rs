//! Bytes of unknown charset into text: byte-order mark, what the source says, what the document says of itself,
//! UTF-8 wherever that is plausible, UTF-16 and UTF-32 by the shape of their units, and only then a guess.
//!
//! A text that is UTF-8 but for a few bytes stays UTF-8: one replacement character a malformed sequence, counted.
//! To read all of it by another charset would make every other letter of it wrong.

mod units;

use alluvium_core::quarantine::Cause;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

use crate::outcome::Failure;
use units::Units;

/// How much of a document the detector reads.
const DETECT: usize = 1 << 20;
/// So many well-formed sequences of several bytes outweigh one that is malformed.
const OUTWEIGHS: usize = 2;

/// What is said of a document's charset, as labels. Unknown ones say nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Declared<'a> {
    /// By whoever sent it.
    pub(crate) transport: Option<&'a str>,
    /// By the document itself, in a place that is read as ASCII.
    pub(crate) document: Option<&'a str>,
}

/// Text, and what could not be decoded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// Malformed sequences, each of which is one U+FFFD.
    pub(crate) replaced: u64,
}

/// Decodes text. Binary data is refused.
pub(crate) fn decode(bytes: &[u8], declared: Declared<'_>) -> Result<Decoded, Failure> {
    let (decoded, name) = decode_any(bytes, declared);
    check_text(&decoded.text, name)?;
    Ok(decoded)
}

fn decode_any(bytes: &[u8], declared: Declared<'_>) -> (Decoded, &'static str) {
    if let Some((units, mark)) = Units::of_mark(bytes) {
        return (units.decode(bytes.get(mark..).unwrap_or_default()), units.name());
    }
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return (by(encoding, bytes.get(mark..).unwrap_or_default()), encoding.name());
    }
    // Who sent it may name UTF-16 or UTF-32 without a mark. A document can't: its word was read as ASCII.
    if let Some(units) = declared.transport.and_then(|label| Units::of_label(label, bytes)) {
        return (units.decode(bytes), units.name());
    }
    let encoding = declared.transport.and_then(single_bytes).or(declared.document.and_then(single_bytes));
    let said = encoding.map(|encoding| (by(encoding, bytes), encoding));
    if let Some((decoded, encoding)) = &said
        && decoded.replaced == 0
        && !Units::is_likely(bytes)
    {
        return (decoded.clone(), encoding.name());
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && is_clean(text)
    {
        return (Decoded { text: text.to_owned(), replaced: 0 }, UTF_8.name());
    }
    if let Some(units) = Units::guess(bytes) {
        return (units.decode(bytes), units.name());
    }
    if Utf8Shape::of(bytes).is_plausible() {
        return (by(UTF_8, bytes), UTF_8.name());
    }
    // A declaration that is wrong about a byte or two is still better than a guess.
    if let Some((decoded, encoding)) = said.filter(|(said, _)| said.replaced * 50 < said.text.len() as u64) {
        return (decoded, encoding.name());
    }
    let encoding = guess(bytes);
    (by(encoding, bytes), encoding.name())
}

/// The charset of a label, where its text can be read as ASCII.
fn single_bytes(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.trim().as_bytes())?;
    // As WHATWG has it: what could be read as ASCII can't have been UTF-16, and the last is only for scripts.
    Some(match encoding {
        e if e == UTF_16LE || e == UTF_16BE => UTF_8,
        e if e == X_USER_DEFINED => WINDOWS_1252,
        e => e,
    })
}

fn by(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, malformed) = encoding.decode_without_bom_handling(bytes);
    let replaced =
        if malformed { replacements(&text).saturating_sub(replacements_in(bytes, encoding)) } else { 0 };
    Decoded { text: text.into_owned(), replaced: replaced as u64 }
}

fn replacements(text: &str) -> usize {
    text.chars().filter(|c| *c == '\u{fffd}').count()
}

/// Those that stand in the bytes themselves: somebody else could not decode something.
fn replacements_in(bytes: &[u8], encoding: &'static Encoding) -> usize {
    if encoding == UTF_8 { bytes.windows(3).filter(|w| *w == b"\xef\xbf\xbd").count() } else { 0 }
}

/// Few enough zeros and controls for text of bytes: UTF-16 of Cyrillic is valid UTF-8, too.
fn is_clean(text: &str) -> bool {
    let odd = text.chars().filter(|c| is_control(*c)).count();
    odd == 0 || odd * 1000 <= text.len()
}

/// A control character that no text has.
fn is_control(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{8}')
}

/// How much in bytes speaks for UTF-8.
struct Utf8Shape {
    /// Well-formed sequences of several bytes.
    well_formed: usize,
    malformed: usize,
}

impl Utf8Shape {
    fn of(bytes: &[u8]) -> Self {
        let mut shape = Self { well_formed: 0, malformed: 0 };
        for chunk in bytes.utf8_chunks() {
            shape.well_formed += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            shape.malformed += usize::from(!chunk.invalid().is_empty());
        }
        shape
    }

    /// By accident letters of another charset rarely make a well-formed sequence.
    fn is_plausible(&self) -> bool {
        self.well_formed > 0 && self.well_formed >= OUTWEIGHS * self.malformed
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.get(..DETECT).unwrap_or(bytes), bytes.len() <= DETECT);
    detector.guess(None, Utf8Detection::Allow)
}

/// Text has no zero bytes, few control characters and few characters that could not be decoded.
fn check_text(text: &str, name: &str) -> Result<(), Failure> {
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
mod tests;
