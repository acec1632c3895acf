//! The id of a file within its source, and its URI.
//!
//! A path that can't be an id (not UTF-8, control characters, too long) still gets one, to be refused
//! under: `./` and the path percent-escaped. No relative path starts with `./`, and `%` is escaped too,
//! so these ids collide neither with each other nor with a real one.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, NameError, SourceName};

/// Escaped ids are cut here and end with a hash of the path.
const LONGEST_ESCAPED: usize = 1024;

/// A document's id, and why its path itself can't be it.
pub(crate) fn doc_id(source: &SourceName, path: &Path) -> Result<(DocId, Option<String>), NameError> {
    let trouble = match path.to_str() {
        None => "the path is not UTF-8".to_owned(),
        Some(text) => match DocId::new(source, text) {
            Ok(id) => return Ok((id, None)),
            Err(NameError::Character(c)) => format!("the path holds the control character {c:?}"),
            Err(e) => format!("the path {e}"),
        },
    };
    Ok((DocId::new(source, &escape(path))?, Some(trouble)))
}

/// Whether the document `local` is the one at `path` or lies in that folder, under either form of ids.
pub(crate) fn lies_at(local: &str, path: &Path) -> bool {
    let at = |form: String| {
        local.strip_prefix(form.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    id_forms(path).into_iter().any(at)
}

/// The ids that a document at `path` can have; those of documents beneath it go on with a slash. (Those
/// of very long paths that can't be ids are cut, and are not found so.)
pub(crate) fn id_forms(path: &Path) -> Vec<String> {
    path.to_str().map(str::to_owned).into_iter().chain([escape(path)]).collect()
}

fn escape(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let mut out = "./".to_owned();
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            if c.is_control() || c == '%' {
                percent(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(c);
            }
        }
        percent(&mut out, part.invalid());
    }
    if out.len() > LONGEST_ESCAPED {
        let start: String = out.chars().take(LONGEST_ESCAPED / 8).collect();
        out = format!("{start}%~{}", Sha256::of(bytes));
    }
    out
}

/// The `file://` URI of an absolute path.
pub(crate) fn file_uri(path: &Path) -> String {
    let mut out = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(byte) {
            out.push(char::from(*byte));
        } else {
            percent(&mut out, &[*byte]);
        }
    }
    out
}

fn percent(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::OsStr;

    use super::*;

    fn id(bytes: &[u8]) -> (String, bool) {
        let source = SourceName::new("s").unwrap();
        let (id, trouble) = doc_id(&source, Path::new(OsStr::from_bytes(bytes))).unwrap();
        (id.local().to_owned(), trouble.is_some())
    }

    #[test]
    fn ids_are_paths_or_escaped() {
        assert_eq!(id("ä/b c%.md".as_bytes()), ("ä/b c%.md".to_owned(), false));
        assert_eq!(id(b"a\nb.md"), ("./a%0Ab.md".to_owned(), true));
        assert_eq!(id(b"\xff%41.md"), ("./%FF%2541.md".to_owned(), true));
        assert_eq!(id("\u{85}".as_bytes()), ("./%C2%85".to_owned(), true));
        let (one, two) = (id(&[b'a'; 5000]), id(&[b'a'; 5001]));
        assert!(one.1 && one.0.len() < 300);
        assert_ne!(one, two);
    }

    #[test]
    fn what_lies_at_a_path() {
        assert!(lies_at("a/b.md", Path::new("a")) && lies_at("./a/b%0A.md", Path::new("a")));
        assert!(lies_at("./a%0A/b.md", Path::new("a\n")) && lies_at("a", Path::new("a")));
        assert!(!lies_at("ab/c.md", Path::new("a")) && !lies_at("a", Path::new("a/b")));
    }

    #[test]
    fn uris_are_escaped() {
        assert_eq!(file_uri(Path::new("/a b/ü#?.md")), "file:///a%20b/%C3%BC%23%3F.md");
    }
}
