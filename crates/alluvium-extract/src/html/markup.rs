//! Tags and comments of a piece of HTML, one after the other, for text that only holds some.

use std::ops::Range;

use super::prescan::Scan;

/// A tag or a comment, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Markup {
    pub(crate) range: Range<usize>,
    pub(crate) what: What,
}

/// What it is. Names and values are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Comment,
    Open { name: String, attributes: Vec<(String, String)> },
    Close { name: String },
}

/// The tags and comments of `html`, in order.
pub(crate) fn markup(html: &str) -> Vec<Markup> {
    let mut scan = Scan::new(html.as_bytes());
    let mut found = Vec::new();
    while let Some((range, tag)) = scan.next_tag() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let what = match tag {
            None => What::Comment,
            Some((name, attributes)) => match name.strip_prefix(b"/") {
                Some(name) => What::Close { name: text(name) },
                None => What::Open {
                    name: text(&name),
                    attributes: attributes.iter().map(|(name, value)| (text(name), text(value))).collect(),
                },
            },
        };
        found.push(Markup { range, what });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_comments_where_they_stand() {
        let html = "a <B hidden style='x:y'>c</b> <!-- <i> --> d <br/> 1 < 2";
        let found: Vec<_> = markup(html).into_iter().map(|m| (&html[m.range], m.what)).collect();
        let attributes = vec![("hidden".to_owned(), String::new()), ("style".to_owned(), "x:y".to_owned())];
        let expect = [
            ("<B hidden style='x:y'>", What::Open { name: "b".to_owned(), attributes }),
            ("</b>", What::Close { name: "b".to_owned() }),
            ("<!-- <i> -->", What::Comment),
            ("<br/>", What::Open { name: "br".to_owned(), attributes: vec![] }),
        ];
        assert_eq!(found, expect);
    }
}
