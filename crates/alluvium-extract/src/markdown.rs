//! Markdown: the text is the source itself, decoded and normalized, without its front matter and what readers do not
//! see; the parser only finds those and the headings.

mod front;
mod unseen;

use alluvium_core::quarantine::Cause;
use alluvium_core::text::normalize;
use pulldown_cmark::{Event, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use crate::outcome::{Asked, Failure, Meta, Piece, PieceHeading, is_blank, one_line};
use crate::plain;
use front::Front;

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "2";

/// What counts as Markdown, for headings and for cutting alike.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
}

pub(crate) fn extract(bytes: &[u8], asked: &Asked<'_>) -> Result<(Piece, Meta), Failure> {
    let (source, mut notes) = plain::decoded(bytes, asked)?;
    let (front, body) = front_matter(&source);
    let mut text = body.to_owned();
    if !asked.keeps_hidden {
        let unseen = unseen::ranges(&text);
        if !unseen.is_empty() {
            let (kept, characters) = unseen::without(&text, &unseen);
            notes.hidden_characters += characters;
            // What has come together may be one character now.
            text = normalize(&kept);
        }
    }
    if is_blank(&text) {
        return Err(Failure::new(Cause::Empty, "no text but blanks"));
    }
    let headings = outline(&text);
    let first = headings.iter().find(|h| h.level == 1).map(|h| h.title.clone());
    let Front { title, language, metadata } = front;
    let meta = Meta { title: title.or(first), language, metadata, notes, ..Meta::default() };
    Ok((Piece { text, headings, failed: None }, meta))
}

/// What front matter says, and the text after it; all of it is text where it is none.
fn front_matter(source: &str) -> (Front, &str) {
    let after = |end: usize| source.get(end..).unwrap_or_default().trim_start_matches('\n');
    if let Some((end, front)) = front::json(source) {
        return (front, after(end));
    }
    // The parser goes over all blocks before its first event, and few documents have any front matter.
    if !source.trim_start().starts_with("---") && !source.trim_start().starts_with("+++") {
        return (Front::default(), source);
    }
    let mut events = Parser::new_ext(source, options()).into_offset_iter();
    let Some((Event::Start(Tag::MetadataBlock(kind)), range)) = events.next() else {
        return (Front::default(), source);
    };
    let block = events.map_while(|(event, _)| match event {
        Event::Text(text) => Some(text),
        _ => None,
    });
    let block: String = block.map(|text| text.to_string()).collect();
    let front = match kind {
        MetadataBlockKind::YamlStyle => front::yaml(&block),
        MetadataBlockKind::PlusesStyle => front::toml(&block),
    };
    front.map_or((Front::default(), source), |front| (front, after(range.end)))
}

/// The headings.
fn outline(text: &str) -> Vec<PieceHeading> {
    let mut headings = Vec::new();
    let mut open: Option<PieceHeading> = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
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
    headings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn extract(bytes: &[u8]) -> Result<(Piece, Meta), Failure> {
        super::extract(bytes, &Asked { limits: &Limits::default(), charset: None, keeps_hidden: false })
    }

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
    fn front_matter_gives_the_title_and_metadata_and_is_no_text() {
        let title = |source: &str| extract(source.as_bytes()).unwrap().1.title;
        assert_eq!(title("---\ntitle: \"A plan\"\ntags: [x]\n---\n\n# Other\n").as_deref(), Some("A plan"));
        assert_eq!(title("+++\ntitle = 'A plan'\n+++\n\n# Other\n").as_deref(), Some("A plan"));
        assert_eq!(title("---\ntitle: {a: b}\n---\n\n# Other\n").as_deref(), Some("Other"));
        let (piece, meta) =
            extract(b"---\ntitle: A\nteam: people\ntags: [x, y]\n---\n\n# Other\n\ntext\n").unwrap();
        assert_eq!(piece.text, "# Other\n\ntext\n");
        assert_eq!(piece.headings[0].start, 0);
        assert_eq!(meta.metadata, ["team=people", "tags=x", "tags=y"]);
        let (piece, _) = extract(b"---\njust a rule and words\n---\n\ntext\n").unwrap();
        assert!(piece.text.contains("just a rule"), "what is no front matter stays");
        assert_eq!(headings("---\ntitle: x\n---\n\n# Other\n").len(), 1);
    }

    #[test]
    fn what_readers_do_not_see_is_left_out_and_counted() {
        let source = "# A\n\nseen <!-- not --> seen\n\n<!--\nnot\n\nnot\n-->\n\n<div hidden>\n\nnot **this**\n\n</div>\n\n\
            <span style=\"display:none\">not</span>last\n\n[//]: # (not)\n\n`<!-- code -->`\n\n    <!-- code -->\n";
        let (piece, meta) = extract(source.as_bytes()).unwrap();
        assert!(!piece.text.contains("not"), "{}", piece.text);
        assert!(piece.text.contains("seen  seen") && piece.text.contains("last"), "{}", piece.text);
        assert_eq!(piece.text.matches("<!-- code -->").count(), 2, "{}", piece.text);
        assert!(meta.notes.hidden_characters > 20, "{:?}", meta.notes);
        let kept = Asked { limits: &Limits::default(), charset: None, keeps_hidden: true };
        assert!(super::extract(source.as_bytes(), &kept).unwrap().0.text.contains("not **this**"));
        let details = "<details><summary>s</summary>\n\nopen me\n\n</details>\n";
        assert!(extract(details.as_bytes()).unwrap().0.text.contains("open me"));
    }

    #[test]
    fn data_is_left_out() {
        let source = format!("![a picture](data:image/png;base64,{}) after\n", "iVBORw0KGgo9".repeat(900));
        let (piece, meta) = extract(source.as_bytes()).unwrap();
        assert_eq!(piece.text, "![a picture](data:image/png;base64,[…]) after\n");
        assert_eq!(meta.notes.encoded_bytes, 12 * 900);
    }

    #[test]
    fn nothing_is_not_a_document() {
        assert_eq!(extract(b" \n\xc2\xa0\n").unwrap_err().cause, Cause::Empty);
    }
}
