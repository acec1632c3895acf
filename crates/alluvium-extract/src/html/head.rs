//! What an HTML document says of itself (title, language), and how deep it nests.

use ego_tree::iter::Edge;
use scraper::{Html, Node};

use crate::outcome::one_line;

/// Elements whose end tag is often left out, or that have none: they don't nest.
const FLAT: [&str; 34] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr", "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot",
    "colgroup", "rp", "rt", "html", "head", "body", "frame", "keygen",
];

/// Whether more than `limit` elements are open at one time, by a rough count of tags: enough to see a bomb
/// before a parser whose time is quadratic in it does.
pub(super) fn nests_deeper(source: &str, limit: usize) -> bool {
    let mut depth = 0usize;
    for tag in source.split('<').skip(1) {
        let (closing, name) = tag.strip_prefix('/').map_or((false, tag), |name| (true, name));
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = name.get(..end.min(12)).unwrap_or_default().to_ascii_lowercase();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || FLAT.contains(&name.as_str()) {
            continue;
        }
        if closing {
            depth = depth.saturating_sub(1);
        } else if !tag.split('>').next().is_some_and(|t| t.ends_with('/')) {
            depth += 1;
            if depth > limit {
                return true;
            }
        }
    }
    false
}

/// The text of the first `<title>` that is HTML's own (SVG has one, too).
pub(super) fn title(page: &Html) -> Option<String> {
    let node = page.tree.root().traverse().find_map(|edge| match edge {
        Edge::Open(node) => {
            let element = node.value().as_element()?;
            let html = &*element.name.ns == "http://www.w3.org/1999/xhtml";
            (html && element.name() == "title").then_some(node)
        }
        Edge::Close(_) => None,
    })?;
    let text: String =
        node.children().filter_map(|c| c.value().as_text().map(|t| t.text.to_string())).collect();
    one_line(&text)
}

/// The language tag of the root element, where it looks like one.
pub(super) fn language(page: &Html) -> Option<String> {
    let root = page.tree.root().children().find_map(|c| match c.value() {
        Node::Element(element) => Some(element),
        _ => None,
    })?;
    let tag = root.attr("lang").or_else(|| root.attr("xml:lang"))?.trim();
    let fits = (2..=35).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    fits.then(|| tag.to_owned())
}
