//! Walks an HTML tree in document order, without recursion, and lays out what a reader sees of its text.

use alluvium_core::notes::ExtractionNotes;
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::node::Element;
use scraper::{Html, Node};

use super::css::{self, Sheet};
use super::layout::{Gap, Layout};
use super::unseen::{Seen, seen};
use crate::encoded;
use crate::outcome::PieceHeading;

/// What an element does to the text around and in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing of it is text.
    Skip,
    /// Part of a line.
    Inline,
    /// On lines of its own.
    Line,
    /// Set off by blank lines.
    Block,
    Heading(u8),
    Cell,
    Pre,
    Break,
    /// Part of a line, and its words are words of their own: a button, a picture.
    Apart,
    /// The same where another one is right before it: links of a menu, but not the one in `<a>dog</a>s`.
    Link,
}

fn kind(name: &str) -> Kind {
    match name {
        "head" | "script" | "style" | "title" | "datalist" => Kind::Skip,
        "h1" => Kind::Heading(1),
        "h2" => Kind::Heading(2),
        "h3" => Kind::Heading(3),
        "h4" => Kind::Heading(4),
        "h5" => Kind::Heading(5),
        "h6" => Kind::Heading(6),
        "li" | "dt" | "dd" | "tr" | "option" | "summary" | "legend" | "caption" | "figcaption" => Kind::Line,
        "td" | "th" => Kind::Cell,
        "pre" | "textarea" | "listing" | "xmp" => Kind::Pre,
        "br" => Kind::Break,
        "button" | "input" | "img" | "meter" | "progress" | "output" => Kind::Apart,
        "a" | "label" => Kind::Link,
        "address" | "article" | "aside" | "blockquote" | "body" | "center" | "details" | "dialog" | "div"
        | "dl" | "fieldset" | "figure" | "footer" | "form" | "header" | "hgroup" | "hr" | "main" | "menu"
        | "nav" | "ol" | "p" | "search" | "section" | "select" | "table" | "ul" => Kind::Block,
        _ => Kind::Inline,
    }
}

/// A place that keeps its blocks on one line (a cell of data) or on following lines (a list item).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    OneLine,
    Lines,
    Free,
}

struct Walk {
    layout: Layout,
    /// Innermost last.
    keeps: Vec<Keep>,
    pre: usize,
    sheet: Sheet,
    /// What readers do not see counts like all else.
    keeps_hidden: bool,
    /// Elements that say something of whether they are seen, innermost last, with what holds in them.
    visible: Vec<(NodeId, [bool; 3])>,
    /// A link has ended, and no text has come since.
    after_link: bool,
    notes: ExtractionNotes,
}

/// What is in a page.
pub(super) struct Walked {
    pub(super) text: String,
    pub(super) headings: Vec<PieceHeading>,
    pub(super) notes: ExtractionNotes,
}

/// The text of a page and the headings in it.
pub(super) fn text(page: &Html, keeps_hidden: bool) -> Walked {
    let mut walk = Walk {
        layout: Layout::new(),
        keeps: Vec::new(),
        pre: 0,
        sheet: if keeps_hidden { Sheet::default() } else { sheet(page) },
        keeps_hidden,
        visible: Vec::new(),
        after_link: false,
        notes: ExtractionNotes::default(),
    };
    let mut skipped = None;
    for edge in page.tree.root().traverse() {
        match edge {
            Edge::Open(node) if skipped.is_none() => skipped = (!walk.open(node)).then(|| node.id()),
            Edge::Open(node) => walk.leave_out(node),
            Edge::Close(node) if skipped == Some(node.id()) => skipped = None,
            Edge::Close(node) if skipped.is_none() => walk.close(node),
            Edge::Close(_) => {}
        }
    }
    let (text, headings) = walk.layout.finish();
    Walked { text, headings, notes: walk.notes }
}

/// The rules of all style sheets in the page.
fn sheet(page: &Html) -> Sheet {
    let mut sheet = Sheet::default();
    for node in page.tree.nodes() {
        let is_style = |element: &Element| {
            element.name() == "style" && element.attr("media").is_none_or(css::is_of_screens)
        };
        if node.value().as_element().is_some_and(is_style) {
            node.children().filter_map(|c| c.value().as_text()).for_each(|text| sheet.add(&text.text));
        }
    }
    sheet
}

/// Characters but for blanks.
fn characters(text: &str) -> u64 {
    text.chars().filter(|c| !c.is_whitespace()).count() as u64
}

impl Walk {
    /// Whether what is inside of the node counts.
    fn open(&mut self, node: NodeRef<'_, Node>) -> bool {
        match node.value() {
            Node::Text(text) => self.text(&text.text),
            Node::Element(element) => {
                let kind = kind(element.name());
                if kind != Kind::Skip && !self.sees(element, node) {
                    return false;
                }
                let opened = self.open_element(kind, node);
                self.drawn(element);
                return opened;
            }
            _ => {}
        }
        true
    }

    fn text(&mut self, text: &str) {
        if self.visible.last().is_some_and(|(_, visible)| visible.contains(&false)) {
            self.notes.hidden_characters += characters(text);
            return;
        }
        let (text, left_out) = encoded::without_data(text);
        self.notes.encoded_bytes += left_out;
        self.after_link &= text.trim().is_empty();
        if self.pre > 0 { self.layout.preformatted(&text) } else { self.layout.flowing(&text) }
    }

    /// Whether a reader sees something of the element.
    fn sees(&mut self, element: &Element, node: NodeRef<'_, Node>) -> bool {
        if self.keeps_hidden {
            // Their content is no markup to a parser, but text.
            return !matches!(element.name(), "noscript" | "noembed" | "noframes" | "iframe");
        }
        match seen(element, &self.sheet) {
            Seen::Not => return false,
            Seen::AsAround([None, None, None]) => {}
            Seen::AsAround([visible, sized, colored]) => {
                let [around_visible, around_sized, around_colored] =
                    self.visible.last().map_or([true; 3], |(_, around)| *around);
                let here = [
                    visible.unwrap_or(around_visible),
                    sized.unwrap_or(around_sized),
                    colored.unwrap_or(around_colored),
                ];
                self.visible.push((node.id(), here));
            }
        }
        true
    }

    /// Something within what is skipped.
    fn leave_out(&mut self, node: NodeRef<'_, Node>) {
        let Node::Text(text) = node.value() else { return };
        let parent = node.parent().and_then(|parent| parent.value().as_element().map(Element::name));
        let is_machinery =
            parent.is_some_and(|name| matches!(name, "script" | "style" | "title" | "head" | "datalist"));
        if !is_machinery {
            self.notes.hidden_characters += characters(&text.text);
        }
    }

    /// The words that an element without content is drawn with.
    fn drawn(&mut self, element: &Element) {
        let words = match element.name() {
            "img" => element.attr("alt"),
            "input" => match element.attr("type").unwrap_or("text").to_ascii_lowercase().as_str() {
                "hidden" | "password" | "checkbox" | "radio" | "file" | "color" | "range" => None,
                "image" => element.attr("alt"),
                _ => element.attr("value"),
            },
            _ => None,
        };
        if let Some(words) = words.filter(|words| !words.trim().is_empty()) {
            let (pre, words) = (std::mem::take(&mut self.pre), words.to_owned());
            self.text(&words);
            self.pre = pre;
            self.layout.gap(Gap::Space);
        }
    }

    fn open_element(&mut self, kind: Kind, node: NodeRef<'_, Node>) -> bool {
        match kind {
            Kind::Skip => return false,
            Kind::Inline => {}
            Kind::Apart => self.layout.gap(Gap::Space),
            Kind::Link if self.after_link => self.layout.gap(Gap::Space),
            Kind::Link => {}
            Kind::Break if self.pre > 0 => self.layout.preformatted("\n"),
            Kind::Break => self.around(Gap::Line),
            Kind::Heading(level) => {
                self.around(Gap::Block);
                // In a cell or an item of data a heading is just text: it must not tear the row apart.
                if self.keeps.last() != Some(&Keep::OneLine) {
                    self.layout.open_heading(level);
                }
            }
            Kind::Cell => {
                self.layout.gap(Gap::Cell);
                self.keeps.push(if holds_blocks(node) { Keep::Free } else { Keep::OneLine });
            }
            Kind::Line => {
                self.around(Gap::Line);
                self.keeps.push(Keep::Lines);
            }
            Kind::Pre => {
                self.around(Gap::Block);
                self.pre += 1;
            }
            Kind::Block => self.around(Gap::Block),
        }
        true
    }

    fn close(&mut self, node: NodeRef<'_, Node>) {
        let Node::Element(element) = node.value() else { return };
        if self.visible.last().is_some_and(|(id, _)| *id == node.id()) {
            self.visible.pop();
        }
        match kind(element.name()) {
            Kind::Skip | Kind::Inline | Kind::Break => {}
            Kind::Apart => self.layout.gap(Gap::Space),
            Kind::Link => self.after_link = true,
            Kind::Heading(_) => {
                if self.keeps.last() != Some(&Keep::OneLine) {
                    self.layout.close_heading();
                }
                self.around(Gap::Block);
            }
            Kind::Cell => {
                self.keeps.pop();
                self.layout.gap(Gap::Space);
            }
            Kind::Line => {
                self.keeps.pop();
                self.around(Gap::Line);
            }
            Kind::Pre => {
                self.pre = self.pre.saturating_sub(1);
                self.around(Gap::Block);
            }
            Kind::Block => self.around(Gap::Block),
        }
    }

    /// The gap around an element, no wider than the place it is in allows.
    fn around(&mut self, gap: Gap) {
        let widest = match self.keeps.last() {
            Some(Keep::OneLine) => Gap::Space,
            Some(Keep::Lines) => Gap::Line,
            Some(Keep::Free) | None => Gap::Block,
        };
        self.layout.gap(gap.min(widest));
    }
}

/// Whether a cell is there for layout rather than for data: it has headings, lists or tables in it.
fn holds_blocks(cell: NodeRef<'_, Node>) -> bool {
    cell.descendants().skip(1).any(|inner| match inner.value() {
        Node::Element(e) => {
            matches!(kind(e.name()), Kind::Heading(_) | Kind::Pre)
                || matches!(e.name(), "table" | "ul" | "ol" | "dl" | "form")
        }
        _ => false,
    })
}
