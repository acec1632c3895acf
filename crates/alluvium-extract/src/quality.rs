//! How much of a text is text: PDFs whose fonts don't say which letters they draw come out as garbage.

/// Counts over a text, blanks left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quality {
    all: usize,
    letters: usize,
    garbage: usize,
}

/// Texts shorter than this are judged by their garbage alone.
const SHORT: usize = 100;

impl Quality {
    /// Counts a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut quality = Self::default();
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            quality.all += 1;
            quality.letters += usize::from(c.is_alphanumeric());
            quality.garbage += usize::from(is_garbage(c));
        }
        quality
    }

    /// Nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// Share of characters that stand for no letter, in per cent.
    pub(crate) fn garbage_percent(&self) -> usize {
        self.garbage * 100 / self.all.max(1)
    }

    /// Worth a second opinion.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.garbage * 10 > self.all || (self.all >= SHORT && self.letters * 4 < self.all)
    }

    /// Not worth keeping: more garbage than text.
    pub(crate) fn is_garbage(&self) -> bool {
        self.garbage * 2 > self.all
    }

    /// How much readable text there is; garbage counts against it, and leaders of dots don't count.
    pub(crate) fn worth(&self) -> usize {
        self.letters.saturating_sub(3 * self.garbage)
    }
}

/// What decoders put where they know no letter, and what fonts of symbols use for themselves.
fn is_garbage(c: char) -> bool {
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10fffd}');
    private || c == '\u{fffd}' || c.is_control() || (c as u32 & 0xfffe) == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_garbage() {
        let good = Quality::of(&"Ein ganz gewöhnlicher Satz, 1984 日本語 العربية. ".repeat(5));
        assert!(!good.is_doubtful() && !good.is_garbage());
        let symbols = Quality::of(&"\u{f0b7}\u{fffd} ".repeat(50));
        assert!(symbols.is_doubtful() && symbols.is_garbage());
        let some = Quality::of(&"word \u{fffd}\u{fffd} ".repeat(50));
        assert!(some.is_doubtful() && !some.is_garbage());
        assert!(Quality::of(&"!\"#$%&'()*+,-./".repeat(10)).is_doubtful());
        assert!(good.worth() > some.worth());
        assert!(Quality::of(" \n").is_empty());
    }
}
