//! UTF-16 and UTF-32: charsets of units of several bytes, told by a mark, by a label, or by the shape of the units.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::{Decoded, is_control};

/// How much of a document is looked at.
const SAMPLE: usize = 8192;

/// A charset of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    Utf16(&'static Encoding),
    /// Little endian, or big endian.
    Utf32 {
        little: bool,
    },
}

const UTF_32LE: Units = Units::Utf32 { little: true };
const UTF_32BE: Units = Units::Utf32 { little: false };

impl Units {
    /// UTF-32 by its mark, and how long that is. The little-endian one begins with that of UTF-16.
    pub(super) fn of_mark(bytes: &[u8]) -> Option<(Self, usize)> {
        let whole = bytes.len().is_multiple_of(4);
        match bytes {
            [0xff, 0xfe, 0, 0, rest @ ..] if whole && (rest.is_empty() || UTF_32LE.share(rest) > 0.9) => {
                Some((UTF_32LE, 4))
            }
            [0, 0, 0xfe, 0xff, ..] => Some((UTF_32BE, 4)),
            _ => None,
        }
    }

    /// By a label. One that leaves the order open is told by the text.
    pub(super) fn of_label(label: &str, bytes: &[u8]) -> Option<Self> {
        let either =
            |little: Self, big: Self| if big.share(bytes) > little.share(bytes) { big } else { little };
        match label.trim().to_ascii_lowercase().as_str() {
            "utf-16le" | "utf16le" => Some(Self::Utf16(UTF_16LE)),
            "utf-16be" | "utf16be" => Some(Self::Utf16(UTF_16BE)),
            "utf-16" | "utf16" | "ucs-2" | "unicode" => {
                Some(either(Self::Utf16(UTF_16LE), Self::Utf16(UTF_16BE)))
            }
            "utf-32le" | "utf32le" => Some(UTF_32LE),
            "utf-32be" | "utf32be" => Some(UTF_32BE),
            "utf-32" | "utf32" | "ucs-4" => Some(either(UTF_32LE, UTF_32BE)),
            _ => None,
        }
        // Text of bytes that is said to be of units: a wrong label.
        .filter(|units| units.share(bytes) > 0.5 && !std::str::from_utf8(bytes).is_ok_and(super::is_clean))
    }

    /// By the shape of the units: nearly all are characters of some script in one order and far fewer in the
    /// other, and there are zeros, as every space, digit and line feed has.
    pub(super) fn guess(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < 8 || !sample(bytes, 1).contains(&0) {
            return None;
        }
        let best = |one: Self, other: Self| {
            let (ones, others) = (one.share(bytes), other.share(bytes));
            match ones >= others {
                true => Some((one, ones, others)),
                false => Some((other, others, ones)),
            }
            .filter(|(_, best, other)| *best >= 0.95 && best - other > 0.1)
            .map(|(units, ..)| units)
        };
        let wide = bytes.len().is_multiple_of(4).then(|| best(UTF_32LE, UTF_32BE)).flatten();
        let narrow = || {
            // An odd byte at the end is a cut.
            best(Self::Utf16(UTF_16LE), Self::Utf16(UTF_16BE)).filter(|units| units.is_of_text(bytes))
        };
        wide.or_else(narrow)
    }

    /// Whether the bytes are of units, whatever is said of them.
    pub(super) fn is_likely(bytes: &[u8]) -> bool {
        sample(bytes, 1).contains(&0) && Self::guess(bytes).is_some()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf16(encoding) => encoding.name(),
            Self::Utf32 { little: true } => "UTF-32LE",
            Self::Utf32 { little: false } => "UTF-32BE",
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> Decoded {
        match self {
            Self::Utf16(encoding) => super::by(encoding, bytes),
            Self::Utf32 { little } => {
                let mut replaced = 0;
                let text = bytes.chunks(4).map(|unit| {
                    scalar(unit, little).unwrap_or_else(|| {
                        replaced += 1;
                        '\u{fffd}'
                    })
                });
                let text = text.collect();
                Decoded { text, replaced }
            }
        }
    }

    /// Whether zeros stand where texts have them: in spaces, digits and line feeds, but for scripts that may do
    /// without, and whose own letters have one now and then.
    fn is_of_text(self, bytes: &[u8]) -> bool {
        let text = self.decode(sample(bytes, 4)).text;
        let count = |is: fn(char) -> bool| text.chars().filter(|c| is(*c)).count();
        let zeros = count(|c| (c as u32) < 0x100 || (c as u32) & 0xff == 0);
        let plain = count(|c| c.is_ascii() && !is_control(c));
        let without_blanks = count(
            |c| matches!(c as u32, 0x3000..=0x30ff | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xff00..=0xffef),
        );
        plain * 4 >= zeros.max(1) || without_blanks * 100 >= text.chars().count() * 98
    }

    /// How many of the units are characters that texts are made of.
    fn share(self, bytes: &[u8]) -> f64 {
        let (mut all, mut usual) = (0u32, 0u32);
        let mut count = |c: Option<char>| {
            all += 1;
            usual += u32::from(c.is_some_and(is_usual));
        };
        match self {
            Self::Utf32 { little } => {
                sample(bytes, 4).chunks_exact(4).for_each(|unit| count(scalar(unit, little)));
            }
            Self::Utf16(encoding) => {
                let unit = |pair: &[u8]| match pair {
                    [a, b] if encoding == UTF_16LE => u16::from_le_bytes([*a, *b]),
                    [a, b] => u16::from_be_bytes([*a, *b]),
                    _ => 0,
                };
                let units = sample(bytes, 2).chunks_exact(2).map(unit);
                char::decode_utf16(units).for_each(|c| count(c.ok()));
            }
        }
        if all == 0 { 0.0 } else { f64::from(usual) / f64::from(all) }
    }
}

fn sample(bytes: &[u8], unit: usize) -> &[u8] {
    let length = bytes.len().min(SAMPLE);
    bytes.get(..length - length % unit).unwrap_or_default()
}

fn scalar(unit: &[u8], little: bool) -> Option<char> {
    let unit = <[u8; 4]>::try_from(unit).ok()?;
    char::from_u32(if little { u32::from_le_bytes(unit) } else { u32::from_be_bytes(unit) })
}

/// A character of a living script, a sign or white space. What letters of such scripts become in the other order of
/// bytes is mostly none of these.
fn is_usual(c: char) -> bool {
    match c as u32 {
        0x00..=0x1f => !is_control(c),
        0x20..=0x7e | 0xa0..=0x24f | 0x300..=0x6ff => true,
        0x900..=0xeff | 0x1000..=0x10ff | 0x1780..=0x17ff | 0x1e00..=0x1fff => true,
        0x2010..=0x205f | 0x20a0..=0x20bf | 0x2100..=0x22ff | 0x2500..=0x25ff => true,
        0x3000..=0x30ff | 0x3105..=0x312f | 0x4e00..=0x9fff | 0xac00..=0xd7a3 => true,
        0xfe70..=0xfeff | 0xff00..=0xffef | 0x1f300..=0x1faff | 0x20000..=0x2ffff => true,
        _ => false,
    }
}
