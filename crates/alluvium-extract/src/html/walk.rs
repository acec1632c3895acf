//! Walks an HTML tree in document order, without recursion, and lays its text out.

use ego_tree::NodeRef;
use ego_tree::iter::Edge;
use scraper::{Html, Node};

use super::layout::{Gap, Layout};
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
}

fn kind(name: &str) -> Kind {
    match name {
        "head" | "script" | "style" | "noscript" | "template" | "iframe" | "object" | "title"
        | "datalist" => Kind::Skip,
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
}

/// The text of a page and the headings in it.
pub(super) fn text(page: &Html) -> (String, Vec<PieceHeading>) {
    let mut walk = Walk { layout: Layout::new(), keeps: Vec::new(), pre: 0 };
    let mut skipped = None;
    for edge in page.tree.root().traverse() {
        match edge {
            Edge::Open(node) if skipped.is_none() => skipped = (!walk.open(node)).then(|| node.id()),
            Edge::Close(node) if skipped == Some(node.id()) => skipped = None,
            Edge::Close(node) if skipped.is_none() => walk.close(node),
            _ => {}
        }
    }
    walk.layout.finish()
}

impl Walk {
    /// Whether what is inside of the node counts.
    fn open(&mut self, node: NodeRef<'_, Node>) -> bool {
        match node.value() {
            Node::Text(text) if self.pre > 0 => self.layout.preformatted(&text.text),
            Node::Text(text) => self.layout.flowing(&text.text),
            Node::Element(element) => return self.open_element(kind(element.name()), node),
            _ => {}
        }
        true
    }

    fn open_element(&mut self, kind: Kind, node: NodeRef<'_, Node>) -> bool {
        match kind {
            Kind::Skip => return false,
            Kind::Inline => {}
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
        match kind(element.name()) {
            Kind::Skip | Kind::Inline | Kind::Break => {}
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
