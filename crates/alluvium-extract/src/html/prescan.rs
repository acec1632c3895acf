//! The charset that an HTML document names, as the WHATWG's prescan finds it: only `charset` and
//! `http-equiv=content-type` of `<meta>` count, attributes are read as browsers read them, and comments, scripts
//! and other text that is no markup are passed over.

use std::ops::Range;

/// How far is looked: browsers give up after 1,024 bytes, but a parser that meets the element later starts over.
const PRESCAN: usize = 16 * 1024;
/// Elements whose content is text, whatever it looks like.
const RAW: [&[u8]; 8] =
    [b"script", b"style", b"title", b"textarea", b"xmp", b"noembed", b"noframes", b"iframe"];

/// The label that the document names, in lower case.
pub(super) fn charset(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(PRESCAN)).unwrap_or_default();
    Scan::new(head).charset().or_else(|| xml_encoding(head))
}

/// The encoding of an XML declaration, which must be the very beginning.
pub(super) fn xml_encoding(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    let declaration = head.strip_prefix(b"<?xml")?;
    let end = declaration.iter().position(|b| *b == b'>')?;
    let mut scan = Scan::new(declaration.get(..end)?);
    while let Some((name, value)) = scan.attribute() {
        if name == b"encoding" {
            return label(&value);
        }
    }
    None
}

/// Where a scan is.
pub(super) struct Scan<'h> {
    head: &'h [u8],
    at: usize,
}

/// Attributes with their values, in lower case.
type Attributes = Vec<(Vec<u8>, Vec<u8>)>;
/// The name of a tag, with its slash, and its attributes.
type Tag = (Vec<u8>, Attributes);

impl<'h> Scan<'h> {
    pub(super) fn new(head: &'h [u8]) -> Self {
        Self { head, at: 0 }
    }

    /// The next tag with its attributes, or comment, and where it stands.
    pub(super) fn next_tag(&mut self) -> Option<(Range<usize>, Option<Tag>)> {
        while self.at < self.head.len() {
            let start = self.at;
            if self.rest().starts_with(b"<!--") {
                self.at += 2;
                self.skip_past(b"-->");
                return Some((start..self.at, None));
            }
            if let Some(name) = self.tag_name() {
                let attributes = std::iter::from_fn(|| self.attribute()).take(256).collect();
                return Some((start..self.at.min(self.head.len()), Some((name, attributes))));
            }
            self.at += 1;
        }
        None
    }
}

impl Scan<'_> {
    fn rest(&self) -> &[u8] {
        self.head.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.head.get(self.at).copied()
    }

    fn charset(&mut self) -> Option<String> {
        while self.at < self.head.len() {
            if self.rest().starts_with(b"<!--") {
                // `<!-->` is a whole comment.
                self.at += 2;
                self.skip_past(b"-->");
            } else if let Some(name) = self.tag_name() {
                if let Some(found) = self.tag(&name) {
                    return Some(found);
                }
            } else if matches!(self.rest(), [b'<', b'!' | b'/' | b'?', ..]) {
                self.skip_past(b">");
            } else {
                self.at += 1;
            }
        }
        None
    }

    /// The name of a tag that begins here, in lower case, with its slash.
    fn tag_name(&mut self) -> Option<Vec<u8>> {
        let name = self.rest().strip_prefix(b"<")?;
        let slash = usize::from(name.first() == Some(&b'/'));
        name.get(slash).filter(|b| b.is_ascii_alphabetic())?;
        let end = name.iter().skip(slash).position(|b| is_blank(*b) || matches!(b, b'>' | b'/'));
        let length = end.map_or(name.len(), |end| end + slash);
        let name = name.get(..length)?.to_ascii_lowercase();
        self.at += 1 + length;
        Some(name)
    }

    /// The rest of a tag; what it says of a charset, if it is `<meta>`.
    fn tag(&mut self, name: &[u8]) -> Option<String> {
        let (mut pragma, mut in_content, mut charset) = (false, None, None);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        while let Some((attribute, value)) = self.attribute() {
            if seen.contains(&attribute) || seen.len() > 64 {
                continue;
            }
            match attribute.as_slice() {
                b"http-equiv" => pragma = value == b"content-type",
                b"content" => in_content = in_content.or_else(|| charset_in(&value)),
                b"charset" => charset = label(&value),
                _ => {}
            }
            seen.push(attribute);
        }
        if name == b"meta" {
            return charset.or(in_content.filter(|_| pragma));
        }
        if RAW.contains(&name) {
            let end = [b"</".as_slice(), name].concat();
            let at = self.rest().windows(end.len()).position(|w| w.eq_ignore_ascii_case(&end));
            self.at = at.map_or(self.head.len(), |at| self.at + at);
        }
        None
    }

    fn skip_past(&mut self, end: &[u8]) {
        let at = self.rest().windows(end.len()).position(|w| w == end);
        self.at = at.map_or(self.head.len(), |at| self.at + at + end.len());
    }

    /// The next attribute of the tag that this is in, in lower case; none at its end, which is passed.
    fn attribute(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        while self.peek().is_some_and(|b| is_blank(b) || b == b'/' || b == b'?') {
            self.at += 1;
        }
        if self.peek()? == b'>' {
            self.at += 1;
            return None;
        }
        let name =
            self.take_while(|at, b| !(is_blank(b) || matches!(b, b'/' | b'>') || (b == b'=' && at > 0)));
        self.skip_blanks();
        if self.peek() != Some(b'=') {
            return Some((name, Vec::new()));
        }
        self.at += 1;
        self.skip_blanks();
        let value = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let value = self.take_while(|_, b| b != quote);
                self.at += 1;
                value
            }
            _ => self.take_while(|_, b| !(is_blank(b) || b == b'>')),
        };
        Some((name, value))
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    fn take_while(&mut self, is_part: impl Fn(usize, u8) -> bool) -> Vec<u8> {
        let rest = self.rest();
        let length = rest.iter().enumerate().take_while(|(at, b)| is_part(*at, **b)).count();
        let taken = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
        self.at += length;
        taken
    }
}

/// What follows `charset =` in the value of `content`.
fn charset_in(content: &[u8]) -> Option<String> {
    let mut rest = content;
    loop {
        let at = rest.windows(7).position(|w| w == b"charset")?;
        rest = rest.get(at + 7..)?;
        let after = rest.trim_ascii_start();
        let Some(value) = after.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        return match value.first()? {
            quote @ (b'"' | b'\'') => {
                let value = value.get(1..)?;
                label(value.get(..value.iter().position(|b| b == quote)?)?)
            }
            _ => label(value.split(|b| is_blank(*b) || *b == b';').next()?),
        };
    }
}

fn label(value: &[u8]) -> Option<String> {
    let label = std::str::from_utf8(value).ok()?.trim();
    (!label.is_empty() && label.len() <= 40).then(|| label.to_owned())
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_take_counts() {
        for (source, expect) in [
            ("<meta charset=utf-8>", Some("utf-8")),
            ("<META\n CHARSET = 'ISO-8859-2' >", Some("iso-8859-2")),
            ("<meta charset=\"utf-8\"/>", Some("utf-8")),
            (
                "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>",
                Some("windows-1251"),
            ),
            ("<meta content=\"text/html; charset = 'koi8-r'\" http-equiv=content-type>", Some("koi8-r")),
            ("<meta name=description content='charset=koi8-r'><meta charset=utf-8>", Some("utf-8")),
            ("<!-- <meta charset=koi8-r> --><meta charset=utf-8>", Some("utf-8")),
            ("<!--><meta charset=utf-8>-->", Some("utf-8")),
            ("<script>'<meta charset=koi8-r>'</script><meta charset=utf-8>", Some("utf-8")),
            (
                "<script src='a>b' data-x=\"<meta charset=koi8-r>\"></script><meta charset=utf-8>",
                Some("utf-8"),
            ),
            ("<title><meta charset=koi8-r></title><meta charset=utf-8>", Some("utf-8")),
            ("<html data-charset=koi8-r title='<meta charset=koi8-r>'><meta charset=utf-8>", Some("utf-8")),
            ("<meta data-charset=koi8-r>", None),
            ("<meta charset=utf-8 charset=koi8-r>", Some("utf-8")),
            ("<metadata charset=koi8-r>", None),
            ("</meta charset=koi8-r><?php charset=koi8-r ?><!doctype charset=koi8-r>", None),
            ("<?xml version='1.0' encoding='koi8-r'?><html>", Some("koi8-r")),
            ("<?xml version='1.0' encoding='koi8-r'?><meta charset=utf-8>", Some("utf-8")),
            ("text <meta charset=", None),
            ("<", None),
        ] {
            assert_eq!(charset(source.as_bytes()).as_deref(), expect, "{source}");
        }
    }
}
