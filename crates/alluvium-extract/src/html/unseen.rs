//! What readers of a page do not see, as far as that can be told without laying the page out: by the element, its
//! attributes, its own style, and rules of the page's style sheets whose selectors are about one element alone.
//!
//! It is the usual way to plant instructions for a language model. What a reader can open stays (`<details>`), and so
//! does what only machines are told to pass over (`aria-hidden`).

use scraper::node::Element;

use super::css::{self, Declared, Sheet};

/// Whether a reader sees an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Neither it nor anything in it.
    Not,
    /// As its parent is, but for what is said of it: whether it is visible, has a size, and a colour of its own.
    AsAround([Option<bool>; 3]),
}

/// Elements whose content stands in for what a reader sees instead.
const FALLBACK: [&str; 9] =
    ["noscript", "noframes", "noembed", "iframe", "object", "video", "audio", "canvas", "rp"];
/// Elements of pictures that draw nothing by themselves.
const UNDRAWN: [&str; 3] = ["metadata", "desc", "defs"];

/// Of an element of a page.
pub(super) fn seen(element: &Element, sheet: &Sheet) -> Seen {
    let attribute = |name: &str| element.attr(name);
    if is_hidden(element.name(), attribute) {
        return Seen::Not;
    }
    let own = attribute("style").map(css::declarations).unwrap_or_default();
    of(own.over(sheet.declared(element)))
}

/// By what the tag alone says.
pub(crate) fn by_markup<'a>(name: &str, attribute: impl Fn(&str) -> Option<&'a str>) -> Seen {
    if is_hidden(name, &attribute) {
        return Seen::Not;
    }
    of(attribute("style").map(css::declarations).unwrap_or_default())
}

fn is_hidden<'a>(name: &str, attribute: impl Fn(&str) -> Option<&'a str>) -> bool {
    let by_name = match name {
        "dialog" => attribute("open").is_none(),
        "template" => attribute("shadowrootmode").is_none(),
        name => FALLBACK.contains(&name) || UNDRAWN.contains(&name),
    };
    by_name || attribute("hidden").is_some()
}

fn of(declared: Declared) -> Seen {
    if declared.is_gone() { Seen::Not } else { Seen::AsAround(declared.inherited()) }
}
