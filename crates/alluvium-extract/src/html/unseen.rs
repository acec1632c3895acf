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
    /// As its parent is.
    AsAround,
    /// Neither it nor anything in it.
    Not,
    /// It is not, but what is in it may be.
    Invisible,
    /// It is, also in what is invisible.
    Visible,
}

/// Elements whose content stands in for what a reader sees instead.
const FALLBACK: [&str; 9] =
    ["noscript", "noframes", "noembed", "iframe", "object", "video", "audio", "canvas", "rp"];
/// Elements of pictures that draw nothing by themselves.
const UNDRAWN: [&str; 3] = ["metadata", "desc", "defs"];

/// Of an element of a page.
pub(super) fn seen(element: &Element, sheet: &Sheet) -> Seen {
    let mut seen = by_markup(element.name(), |name| element.attr(name));
    if seen == Seen::AsAround {
        seen = of(sheet.declared(element));
    }
    seen
}

/// By what the tag alone says.
pub(crate) fn by_markup<'a>(name: &str, attribute: impl Fn(&str) -> Option<&'a str>) -> Seen {
    let is_hidden = match name {
        "dialog" => attribute("open").is_none(),
        "template" => attribute("shadowrootmode").is_none(),
        name if FALLBACK.contains(&name) || UNDRAWN.contains(&name) => true,
        _ => false,
    };
    if is_hidden || attribute("hidden").is_some() {
        return Seen::Not;
    }
    match attribute("style") {
        Some(style) => of(css::declarations(style)),
        None => Seen::AsAround,
    }
}

fn of(declared: Declared) -> Seen {
    match declared {
        Declared { gone: true, .. } => Seen::Not,
        Declared { visible: Some(false), .. } => Seen::Invisible,
        Declared { visible: Some(true), .. } => Seen::Visible,
        Declared { visible: None, .. } => Seen::AsAround,
    }
}
