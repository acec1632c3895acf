//! Random documents of about two hundred chunks, random edits of one paragraph, and how many chunks each
//! edit changes.

use std::collections::{BTreeMap, HashSet};

use super::*;

/// A kind of document.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    media_type: MediaType,
    /// Tokens of a paragraph.
    paragraph: (usize, usize),
    /// One paragraph in so many starts a section; 0 for none.
    section: usize,
    /// Whether lines break every ten words or so, as in text out of a PDF.
    wrapped: bool,
    /// Whether blank lines stand between paragraphs.
    blank: bool,
    overlap: usize,
}

const MAX: usize = 256;

const PLAIN: Shape = Shape {
    name: "short paragraphs (20-80 tokens)",
    media_type: MediaType::Plain,
    paragraph: (20, 80),
    section: 0,
    wrapped: false,
    blank: true,
    overlap: 32,
};

pub(super) const SHAPES: [Shape; 8] = [
    PLAIN,
    Shape { name: "paragraphs of a third of a chunk", paragraph: (60, 160), ..PLAIN },
    Shape { name: "paragraphs the size of a chunk", paragraph: (200, 300), ..PLAIN },
    Shape { name: "paragraphs of several chunks", paragraph: (600, 1500), ..PLAIN },
    Shape { name: "paragraphs of any size", paragraph: (5, 250), ..PLAIN },
    Shape {
        name: "Markdown with sections",
        media_type: MediaType::Markdown,
        paragraph: (20, 120),
        section: 4,
        ..PLAIN
    },
    Shape { name: "wrapped lines, blank lines between", paragraph: (40, 200), wrapped: true, ..PLAIN },
    Shape {
        name: "wrapped lines, no blank lines",
        paragraph: (40, 200),
        wrapped: true,
        blank: false,
        ..PLAIN
    },
];

/// How far edits reach.
#[derive(Default)]
pub(super) struct Reach {
    changed: BTreeMap<usize, usize>,
    pub(super) fill: f64,
}

impl Reach {
    pub(super) fn trials(&self) -> usize {
        self.changed.values().sum()
    }

    pub(super) fn over(&self, most: usize) -> usize {
        self.changed.iter().filter(|(k, _)| **k > most).map(|(_, v)| v).sum()
    }

    pub(super) fn mean(&self) -> f64 {
        self.changed.iter().map(|(k, v)| k * v).sum::<usize>() as f64 / self.trials() as f64
    }

    pub(super) fn report(&self, name: &str) -> String {
        let (mean, trials) = (self.mean(), self.trials());
        format!("{name}: fill {:.2}, {trials} edits, mean {mean:.2}, {:?}", self.fill, self.changed)
    }
}

pub(super) fn measure(shape: Shape, documents: u64, edits: usize) -> Reach {
    let mut reach = Reach::default();
    for seed in 0..documents {
        let (changed, fill) = measure_seeded(shape, seed, edits);
        reach.fill += fill / documents as f64;
        for count in changed {
            *reach.changed.entry(count).or_default() += 1;
        }
    }
    reach
}

/// New chunks of each edit, and how full chunks are.
pub(super) fn measure_seeded(shape: Shape, seed: u64, edits: usize) -> (Vec<usize>, f64) {
    let mut random = Random(seed ^ 0x5eed);
    let paragraphs = write(&shape, &mut random);
    let cut = |paragraphs: &[String]| {
        let text = alluvium_core::text::normalize(&paragraphs.join(if shape.blank { "\n\n" } else { "\n" }));
        let chunker = TokenChunker::new(MAX, shape.overlap).unwrap();
        let made = chunker.chunk(&document(&text, shape.media_type), &Pieces, &Stop::new()).unwrap();
        let fill = made.iter().map(|c| c.tokens).sum::<usize>() as f64 / made.len() as f64 / MAX as f64;
        (made.iter().map(|c| c.text(&text).to_owned()).collect::<Vec<_>>(), fill)
    };
    let (before, fill) = cut(&paragraphs);
    let before: HashSet<String> = before.into_iter().collect();
    let changed = (0..edits)
        .map(|_| {
            cut(&edit(&shape, &paragraphs, &mut random)).0.iter().filter(|c| !before.contains(*c)).count()
        })
        .collect();
    (changed, fill)
}

fn edit(shape: &Shape, paragraphs: &[String], random: &mut Random) -> Vec<String> {
    let mut edited = paragraphs.to_vec();
    let at = random.within(0, edited.len() - 1);
    let fresh =
        |random: &mut Random| prose(shape, random.within(shape.paragraph.0, shape.paragraph.1), random);
    // To write several chunks anew changes several chunks: there an edit is one of a sentence.
    match random.within(if shape.paragraph.1 > 2 * MAX { 4 } else { 0 }, 5) {
        0 => edited[at] = fresh(random),
        1 => edited.insert(at, fresh(random)),
        2 => drop(edited.remove(at)),
        3 => {
            let more = random.within(10, 60);
            edited[at] = format!("{} {}", edited[at], prose(shape, more, random));
        }
        kind => {
            let mut sentences: Vec<String> = edited[at].split_inclusive(". ").map(str::to_owned).collect();
            let which = random.within(0, sentences.len() - 1);
            let new = format!("{} ", sentence(random));
            if kind == 4 {
                sentences[which] = new;
            } else {
                sentences.insert(which, new);
            }
            edited[at] = sentences.concat();
        }
    }
    edited
}

fn write(shape: &Shape, random: &mut Random) -> Vec<String> {
    let (mut paragraphs, mut tokens) = (Vec::new(), 0);
    while tokens < 200 * MAX * 6 / 10 {
        let size = random.within(shape.paragraph.0, shape.paragraph.1);
        tokens += size;
        let text = prose(shape, size, random);
        let heading = shape.section > 0 && random.within(1, shape.section) == 1;
        let level = if random.within(0, 3) == 0 { "##" } else { "###" };
        paragraphs.push(if heading { format!("{level} {}\n\n{text}", word(random)) } else { text });
    }
    paragraphs
}

fn prose(shape: &Shape, tokens: usize, random: &mut Random) -> String {
    let mut text = String::new();
    // A word and its share of signs make about two and a half tokens.
    let mut left = tokens as f64;
    while left > 0.0 {
        let sentence = sentence(random);
        left -= Pieces.spans(&sentence).unwrap().len() as f64;
        text.push_str(&sentence);
        text.push(' ');
    }
    let text = text.trim_end();
    if !shape.wrapped {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split(' ').collect();
    words.chunks(11).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

fn sentence(random: &mut Random) -> String {
    let words: Vec<String> = (0..random.within(3, 12)).map(|_| word(random)).collect();
    let text = words.join(" ");
    let first = text.chars().next().unwrap().to_uppercase().to_string();
    format!("{first}{}.", &text[1..])
}

fn word(random: &mut Random) -> String {
    (0..random.within(1, 4))
        .map(|_| format!("{}{}", random.of("bdfgklmnprstv"), random.of("aeiou")))
        .collect()
}

/// SplitMix64.
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    fn of(&mut self, letters: &str) -> char {
        letters.chars().nth(self.within(0, letters.len() - 1)).unwrap()
    }
}

pub(super) fn text(shape: Shape, seed: u64) -> String {
    let paragraphs = write(&shape, &mut Random(seed ^ 0x5eed));
    alluvium_core::text::normalize(&paragraphs.join(if shape.blank { "\n\n" } else { "\n" }))
}

impl Shape {
    pub(super) fn media_type(&self) -> MediaType {
        self.media_type
    }
}
