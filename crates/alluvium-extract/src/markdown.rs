//! Markdown: the text is the source itself, decoded and normalized; the parser only finds headings.

use alluvium_core::quarantine::Cause;
use alluvium_core::text::normalize;
use pulldown_cmark::{Event, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use crate::charset::decode;
use crate::outcome::{Failure, Meta, Piece, PieceHeading, is_blank, one_line};

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "1";

/// What counts as Markdown, for headings and for cutting alike.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
}

pub(crate) fn extract(bytes: &[u8]) -> Result<(Piece, Meta), Failure> {
    let text = normalize(&decode(bytes, None)?);
    if is_blank(&text) {
        return Err(Failure::new(Cause::Empty, "no text but blanks"));
    }
    let (headings, declared) = outline(&text);
    let first = headings.iter().find(|h| h.level == 1).map(|h| h.title.clone());
    let meta = Meta { title: declared.or(first), ..Meta::default() };
    Ok((Piece { text, headings, failed: None }, meta))
}

/// The headings, and the title that front matter declares.
fn outline(text: &str) -> (Vec<PieceHeading>, Option<String>) {
    let (mut headings, mut declared) = (Vec::new(), None);
    let mut open: Option<PieceHeading> = None;
    let mut front: Option<MetadataBlockKind> = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::MetadataBlock(kind)) => front = Some(kind),
            Event::End(TagEnd::MetadataBlock(_)) => front = None,
            Event::Text(block) if front.is_some() => {
                declared = declared.or_else(|| front_title(&block, front))
            }
            Event::Start(Tag::Heading { level, .. }) => {
                let line = text.get(..range.start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
                open = Some(PieceHeading { start: line, level: level as u8, title: String::new() });
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(mut heading) = open.take()
                    && let Some(title) = one_line(&heading.title)
                {
                    heading.title = title;
                    headings.push(heading);
                }
            }
            Event::Text(t) | Event::Code(t) => {
                if let Some(heading) = &mut open {
                    heading.title.push_str(&t);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut open {
                    heading.title.push(' ');
                }
            }
            _ => {}
        }
    }
    (headings, declared)
}

/// `title: …` (YAML) or `title = …` (TOML), when it stands alone on a line.
fn front_title(block: &str, kind: Option<MetadataBlockKind>) -> Option<String> {
    let sign = if kind == Some(MetadataBlockKind::PlusesStyle) { '=' } else { ':' };
    let line = block.lines().find_map(|l| l.strip_prefix("title")?.trim_start().strip_prefix(sign))?;
    let value = line.trim();
    let quoted = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
    // Anything but a plain or a simply quoted scalar is not worth a YAML parser.
    let plain = (!value.starts_with(['|', '>', '[', '{', '"', '\''])).then_some(value);
    one_line(quoted.or(plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(source: &str) -> Vec<(usize, u8, String)> {
        let (piece, _) = extract(source.as_bytes()).unwrap();
        for h in &piece.headings {
            let line = piece.text[h.start..].lines().next().unwrap();
            assert!(line.contains(h.title.split(' ').next().unwrap()), "{line:?} {h:?}");
        }
        piece.headings.into_iter().map(|h| (h.start, h.level, h.title)).collect()
    }

    #[test]
    fn headings_at_the_start_of_their_lines() {
        let found =
            headings("# One `x` *two*\n\ntext\n\nThree\n=====\n\n   ## Four ##\n```\n# not one\n```\n");
        let expect = [(0, 1, "One x two"), (23, 1, "Three"), (36, 2, "Four")];
        assert_eq!(found, expect.map(|(s, l, t)| (s, l, t.to_owned())));
    }

    #[test]
    fn offsets_hold_after_normalization() {
        let (piece, meta) =
            extract("\u{feff}Cafe\u{301}\r\n\r\n# E\u{301}t\u{ad}e\u{301}\r\n".as_bytes()).unwrap();
        assert_eq!(piece.text, "Café\n\n# Été\n");
        assert_eq!(piece.headings, [PieceHeading { start: 7, level: 1, title: "Été".to_owned() }]);
        assert_eq!(meta.title.as_deref(), Some("Été"));
    }

    #[test]
    fn front_matter_gives_the_title_and_stays_in_the_text() {
        let title = |source: &str| extract(source.as_bytes()).unwrap().1.title;
        assert_eq!(title("---\ntitle: \"A plan\"\ntags: [x]\n---\n\n# Other\n").as_deref(), Some("A plan"));
        assert_eq!(title("+++\ntitle = 'A plan'\n+++\n\n# Other\n").as_deref(), Some("A plan"));
        assert_eq!(title("---\ntitle: [1]\n---\n\n# Other\n").as_deref(), Some("Other"));
        assert_eq!(headings("---\ntitle: x\n---\n\n# Other\n").len(), 1);
    }

    #[test]
    fn nothing_is_not_a_document() {
        assert_eq!(extract(b" \n\xc2\xa0\n").unwrap_err().cause, Cause::Empty);
    }
}
