//! Percent escapes, as `file://` URIs have them.

/// Undoes the escapes of a path. `None` for an escape that is none, for what is not UTF-8 then, and for a
/// NUL, which no path may hold.
pub fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut parts = path.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

/// Escapes a path so that [`decode`] gives it back, and a reader of URIs too.
pub fn encode(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_comes_back() {
        assert_eq!(encode("a b/%+å?#.md"), "a%20b/%25%2B%C3%A5%3F%23.md");
        for path in ["", "a b/%+å?#.md", "%41", "\u{1f30a}/../~-_", "a\nb"] {
            assert_eq!(decode(&encode(path)).as_deref(), Some(path));
        }
    }

    #[test]
    fn escapes_are_undone_or_refused() {
        assert_eq!(decode("/a%20b/%c3%A5").as_deref(), Some("/a b/å"));
        for bad in ["%", "%2", "%zz", "%+1", "%ff", "a%00b", "a\0b"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
