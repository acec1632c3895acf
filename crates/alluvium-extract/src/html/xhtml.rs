//! XHTML: a page that is well-formed XML is read as XML, any other one as HTML.
//!
//! A well-formed page is written again as the HTML that means the same, and read by the one reader of pages:
//! `<title/>` becomes `<title></title>`, CDATA becomes text, and prefixes of the XHTML namespace go. Entities that a
//! document declares are never expanded.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::{page, prescan};
use crate::charset::{Declared, Decoded, decode};
use crate::outcome::{Asked, Failure, Meta, Piece};

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "1";

const XHTML: &[u8] = b"http://www.w3.org/1999/xhtml";
/// Elements that HTML never closes.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// Elements whose content an HTML parser takes by its letters. Nothing of them is text of the page.
const RAW: [&str; 7] = ["script", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"];

pub(crate) fn extract(bytes: &[u8], asked: &Asked<'_>) -> Result<(Piece, Meta), Failure> {
    let document = prescan::xml_encoding(bytes).or_else(|| prescan::charset(bytes));
    let Decoded { text, replaced } =
        decode(bytes, Declared { transport: asked.charset, document: document.as_deref() })?;
    let source = rewritten(&text, asked.limits.nesting as usize).unwrap_or(text);
    page(Decoded { text: source, replaced }, asked)
}

/// The page as HTML; none where it is not well-formed.
fn rewritten(source: &str, nesting: usize) -> Option<String> {
    let mut reader = NsReader::from_str(source);
    reader.config_mut().check_end_names = true;
    let mut html = String::with_capacity(source.len());
    // The names as they are written again, innermost last; none of what is left out.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut roots = 0;
    let mut raw = 0usize;
    loop {
        let (namespace, event) = reader.read_resolved_event().ok()?;
        let is_html = matches!(namespace, ResolveResult::Bound(ns) if ns.as_ref() == XHTML)
            || matches!(namespace, ResolveResult::Unbound);
        match event {
            Event::Start(tag) => {
                roots += usize::from(open.is_empty());
                if open.len() > nesting {
                    return None;
                }
                let name = name(&tag, is_html)?;
                // Elements that are left out, and those in them.
                raw += usize::from(raw > 0 || RAW.contains(&name.as_str()));
                let name = (raw == 0).then_some(name);
                if let Some(name) = &name {
                    write_tag(&mut html, name, &tag)?;
                }
                open.push(name);
            }
            Event::Empty(tag) => {
                roots += usize::from(open.is_empty());
                let name = name(&tag, is_html)?;
                if raw == 0 && !RAW.contains(&name.as_str()) {
                    write_tag(&mut html, &name, &tag)?;
                    close(&mut html, &name);
                }
            }
            Event::End(_) => match open.pop()? {
                Some(name) => close(&mut html, &name),
                None => raw = raw.saturating_sub(1),
            },
            // A style sheet is by its letters what it is here after its entities.
            Event::Text(text) if is_style(&open) => html.push_str(&text.decode().ok()?.replace('<', "")),
            Event::CData(text) if is_style(&open) => html.push_str(&text.decode().ok()?.replace('<', "")),
            Event::GeneralRef(reference) if is_style(&open) => {
                html.push_str(if reference.decode().ok()? == "gt" { ">" } else { " " });
            }
            Event::Text(text) if raw == 0 => {
                let text = text.decode().ok()?;
                if open.is_empty() && !text.trim().is_empty() {
                    return None;
                }
                escape(&mut html, &text);
            }
            Event::CData(text) if raw == 0 => escape(&mut html, &text.decode().ok()?),
            // HTML knows the names of characters by itself, and what it does not know stays as it is written.
            Event::GeneralRef(reference) if raw == 0 => {
                html.push('&');
                html.push_str(&reference.decode().ok()?);
                html.push(';');
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (roots == 1 && open.is_empty()).then_some(html)
}

fn is_style(open: &[Option<String>]) -> bool {
    open.last().is_some_and(|name| name.as_deref() == Some("style"))
}

/// The name of an element: without its prefix where it is one of XHTML.
fn name(tag: &BytesStart<'_>, is_html: bool) -> Option<String> {
    let name = if is_html { tag.local_name().as_ref().to_vec() } else { tag.name().as_ref().to_vec() };
    let name = String::from_utf8(name).ok()?;
    name.chars().next().filter(char::is_ascii_alphabetic)?;
    Some(name.to_ascii_lowercase())
}

fn write_tag(html: &mut String, name: &str, tag: &BytesStart<'_>) -> Option<()> {
    html.push('<');
    html.push_str(name);
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let key = std::str::from_utf8(attribute.key.as_ref()).ok()?;
        let value = std::str::from_utf8(&attribute.value).ok()?;
        html.push(' ');
        html.push_str(key);
        html.push_str("=\"");
        html.push_str(&value.replace('"', "&quot;"));
        html.push('"');
    }
    html.push('>');
    Some(())
}

fn close(html: &mut String, name: &str) {
    if !VOID.contains(&name) {
        html.push_str("</");
        html.push_str(name);
        html.push('>');
    }
}

fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn text(source: &str) -> (String, Option<String>) {
        let limits = Limits::default();
        let asked = Asked { limits: &limits, charset: None, keeps_hidden: false };
        let (piece, meta) = extract(source.as_bytes(), &asked).unwrap();
        (piece.text, meta.title)
    }

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!DOCTYPE html>\n";

    fn page_of(head: &str, body: &str) -> String {
        format!(
            "{HEAD}<html xmlns=\"http://www.w3.org/1999/xhtml\"><head>{head}</head><body>{body}</body></html>"
        )
    }

    #[test]
    fn empty_elements_and_cdata_are_those_of_xml() {
        let (body, title) = text(&page_of("<title/><script src=\"x\"/><style/>", "<h1>One</h1><p>two</p>"));
        assert_eq!((body.as_str(), title.as_deref()), ("One\n\ntwo", Some("One")));
        assert_eq!(text(&page_of("", "<p>a<![CDATA[ < b & c ]]>d</p>")).0, "a < b & c d");
        assert_eq!(text(&page_of("", "<div/><p>x</p><textarea/><iframe/><p>z</p>")).0, "x\n\nz");
        assert_eq!(text(&page_of("", "<p>1 &lt; 2 &amp; &nbsp;3 &eacute; &#233;</p>")).0, "1 < 2 & 3 é é");
        assert_eq!(text(&page_of("<script><![CDATA[ if (a < b) { hide() } ]]></script>", "<p>x</p>")).0, "x");
    }

    #[test]
    fn style_sheets_hide_here_too() {
        let head = "<title>T</title><style>.x{display:none} a &gt; b{color:red}</style>";
        assert_eq!(text(&page_of(head, "<p>a</p><p class=\"x\">no</p>")).0, "a");
        let head = "<title>T</title><style><![CDATA[ .x{display:none} ]]></style>";
        assert_eq!(text(&page_of(head, "<p>a</p><p class=\"x\">no</p>")).0, "a");
    }

    #[test]
    fn prefixes_and_foreign_elements() {
        let source = "<h:html xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:body><h:h1>A</h:h1><h:p>b</h:p></h:body></h:html>";
        assert_eq!(text(source).0, "A\n\nb");
        assert_eq!(
            text(&page_of("", "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>in it</text></svg>")).0,
            "in it"
        );
    }

    #[test]
    fn what_is_not_well_formed_is_html() {
        assert_eq!(text("<html><body><p>one<p>two<br>three").0, "one\n\ntwo\nthree");
        assert_eq!(text("<p>a</p><p>b</p>").0, "a\n\nb");
        let bomb = "<!DOCTYPE html [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\">]><html><body><p>x &b;</p></body></html>";
        assert!(!text(bomb).0.contains("lol"));
    }
}
