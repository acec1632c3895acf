//! Character by character: what is dropped, what becomes another, and what stays because of its neighbours.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// What a joiner may stand between. Combining marks are of the character that they sit on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Letters of scripts that are spelled with joiners: Arabic and its kin, the Brahmic scripts.
    Joining,
    Mongolian,
    Emoji,
    Other,
}

/// The text without what readers don't see, in ordinary letters; not yet composed.
pub(super) fn folded(text: &str) -> String {
    let mut folder = Folder { out: String::with_capacity(text.len()), class: Class::Other, joiner: None };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    folder.push('\n');
                }
            }
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => folder.push('\n'),
            '\n' | '\t' => folder.push(c),
            '\u{200c}' | '\u{200d}' => folder.join(c),
            '\u{180b}'..='\u{180f}' => folder.mongolian(c),
            c if c.is_control() || is_invisible(c) => {}
            c => folder.fold(c),
        }
    }
    folder.out
}

/// Composed text without second dots on dotted letters, which simple lower case leaves of the Turkish capital;
/// not composed any more. `None` where there are none.
pub(super) fn undotted(text: &str) -> Option<String> {
    if !text.contains("i\u{307}") && !text.contains("j\u{307}") {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\u{307}' || !out.ends_with(['i', 'j']) {
            out.push(c);
        }
    }
    Some(out)
}

struct Folder {
    out: String,
    /// Of what was pushed last.
    class: Class,
    /// A joiner that stays if what comes next is of the same class: at most one, so that the time is linear.
    joiner: Option<char>,
}

impl Folder {
    fn push(&mut self, c: char) {
        let class = if is_combining_mark(c) || is_modifier(c) { self.class } else { class(c) };
        if let Some(joiner) = self.joiner.take().filter(|_| class == self.class) {
            self.out.push(joiner);
        }
        self.out.push(c);
        self.class = class;
    }

    fn join(&mut self, c: char) {
        if matches!(self.class, Class::Joining | Class::Mongolian)
            || (self.class == Class::Emoji && c == '\u{200d}')
        {
            self.joiner.get_or_insert(c);
        }
    }

    fn mongolian(&mut self, c: char) {
        if self.class == Class::Mongolian {
            self.push(c);
        }
    }

    fn fold(&mut self, c: char) {
        match c {
            // The sign of units is the letter, and capitals of both are the same.
            '\u{b5}' => self.push('\u{3bc}'),
            c if halfwidth_jamo(c).is_some() => halfwidth_jamo(c).into_iter().for_each(|c| self.push(c)),
            c if is_presentation(c) => self.decomposed(c),
            c => self.push(c),
        }
    }

    /// A presentation form in ordinary letters. Marks that are shown on nothing come with a space or a
    /// tatweel to sit on, which is not part of the text.
    fn decomposed(&mut self, c: char) {
        let mut parts = Vec::new();
        decompose_compatible(c, |part| parts.push(part));
        let on_nothing = matches!(parts.as_slice(), [' ' | '\u{640}', mark, ..] if is_combining_mark(*mark));
        parts.into_iter().skip(usize::from(on_nothing)).for_each(|part| self.push(part));
    }
}

/// Format characters and others that show nothing. Direction is left to the Unicode algorithm, the shape of
/// a character to the font. Tags and the variation selectors that can spell bytes are a known way to hide
/// instructions from readers.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Forms of letters that depend on their place or on the width of a cell. No punctuation of ASCII comes of
/// them, but for the plus sign of Hebrew.
fn is_presentation(c: char) -> bool {
    matches!(c,
        '\u{2e9f}' | '\u{2ef3}' | '\u{2f00}'..='\u{2fd5}'
        | '\u{fb00}'..='\u{fb17}' | '\u{fb1d}'..='\u{fb28}' | '\u{fb2a}'..='\u{fb4f}'
        | '\u{fb50}'..='\u{fd3d}' | '\u{fd50}'..='\u{fdfc}' | '\u{fe70}'..='\u{fefc}'
        | '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' | '\u{ff61}'..='\u{ff9f}')
}

/// A halfwidth Hangul letter as the letter that a keyboard gives, which does not grow into syllables.
fn halfwidth_jamo(c: char) -> Option<char> {
    let c = u32::from(c);
    let letter = match c {
        0xffa1..=0xffbe => 0x3131 + (c - 0xffa1),
        0xffc2..=0xffc7 => 0x314f + (c - 0xffc2),
        0xffca..=0xffcf => 0x3155 + (c - 0xffca),
        0xffd2..=0xffd7 => 0x315b + (c - 0xffd2),
        0xffda..=0xffdc => 0x3161 + (c - 0xffda),
        _ => return None,
    };
    char::from_u32(letter)
}

/// Fullwidth and small punctuation, and the fullwidth space, as a keyboard has them.
pub(super) fn punctuation(c: char) -> char {
    match u32::from(c) {
        0x3000 => ' ',
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// Skin tones: part of the emoji before them.
fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

fn class(c: char) -> Class {
    match u32::from(c) {
        0x1800..=0x18af => Class::Mongolian,
        0x0600..=0x07ff
        | 0x0840..=0x0fff
        | 0x1000..=0x109f
        | 0x1700..=0x17ff
        | 0x1900..=0x1cff
        | 0xa840..=0xa8ff
        | 0xa900..=0xa95f
        | 0xa980..=0xaaff
        | 0xabc0..=0xabff
        | 0x10ac0..=0x10aff
        | 0x10d00..=0x10d3f
        | 0x11000..=0x11fff
        | 0x1e900..=0x1e95f => Class::Joining,
        0x2190..=0x21ff | 0x2300..=0x23ff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0x1f000..=0x1faff => {
            Class::Emoji
        }
        _ => Class::Other,
    }
}
