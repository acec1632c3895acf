//! What readers of a rendered Markdown document do not see: comments, HTML elements that are hidden, and reference
//! definitions that people use as comments.

use std::ops::Range;

use pulldown_cmark::{Event, Parser};

use super::options;
use crate::html::markup::{What, markup};
use crate::html::unseen::{Seen, by_markup};

/// HTML elements whose content is never text.
const MACHINERY: [&str; 4] = ["script", "style", "title", "head"];
/// HTML elements that have no end.
const VOID: [&str; 9] = ["area", "br", "col", "embed", "hr", "img", "input", "link", "wbr"];

/// An element that is not seen, until its end.
struct Hidden {
    start: usize,
    name: String,
    /// Elements of its name in it that are open.
    depth: usize,
    /// Where its own tag ends: all that goes where it is never closed.
    tag_end: usize,
}

/// The ranges that are not seen, in order.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Neither a tag, nor a comment, nor a definition: the parser need not look.
    if !text.contains('<') && !text.contains("]:") {
        return found;
    }
    let mut hidden: Option<Hidden> = None;
    let (fragments, mut definitions) = html(text);
    for fragment in fragments {
        for piece in markup(text.get(fragment.clone()).unwrap_or_default()) {
            let range = fragment.start + piece.range.start..fragment.start + piece.range.end;
            match (&mut hidden, piece.what) {
                (None, What::Comment) => found.push(range),
                (None, What::Open { name, attributes }) if is_hidden(&name, &attributes) => {
                    if VOID.contains(&name.as_str()) {
                        found.push(range);
                    } else {
                        hidden = Some(Hidden { start: range.start, name, depth: 0, tag_end: range.end });
                    }
                }
                (Some(open), What::Open { name, .. }) if name == open.name => open.depth += 1,
                (Some(open), What::Close { name }) if name == open.name && open.depth > 0 => open.depth -= 1,
                (Some(open), What::Close { name }) if name == open.name => {
                    found.push(open.start..range.end);
                    hidden = None;
                }
                _ => {}
            }
        }
    }
    found.extend(hidden.map(|open| open.start..open.tag_end));
    found.append(&mut definitions);
    found.sort_unstable_by_key(|range| (range.start, range.end));
    found
}

/// The text without these ranges, and how many characters but blanks that leaves out.
pub(super) fn without(text: &str, ranges: &[Range<usize>]) -> (String, u64) {
    let (mut out, mut at, mut characters) = (String::with_capacity(text.len()), 0, 0);
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        let start = range.start.max(at);
        let Some(left_out) = text.get(start..range.end) else { continue };
        out.push_str(text.get(at..start).unwrap_or_default());
        characters += left_out.chars().filter(|c| !c.is_whitespace()).count() as u64;
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out, characters)
}

fn is_hidden(name: &str, attributes: &[(String, String)]) -> bool {
    let attribute =
        |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if MACHINERY.contains(&name) {
        return true;
    }
    match by_markup(name, attribute) {
        Seen::Not => true,
        Seen::AsAround(said) => said.contains(&Some(false)),
    }
}

/// The pieces of HTML in the text, in order, and definitions that are comments: `[//]: # (like this)`.
fn html(text: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let mut fragments: Vec<Range<usize>> = Vec::new();
    let mut events = Parser::new_ext(text, options()).into_offset_iter();
    for (event, range) in events.by_ref() {
        if !matches!(event, Event::Html(_) | Event::InlineHtml(_)) {
            continue;
        }
        // A block comes line by line.
        match fragments.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => fragments.push(range),
        }
    }
    let is_comment = |label: &str, dest: &str, title: bool| {
        label.starts_with("//")
            || label.eq_ignore_ascii_case("comment")
            || (title && matches!(dest, "#" | ""))
    };
    let definitions = events.reference_definitions().iter();
    let comments = definitions
        .filter(|(label, definition)| is_comment(label, &definition.dest, definition.title.is_some()))
        .map(|(_, definition)| definition.span.clone());
    (fragments, comments.collect())
}
