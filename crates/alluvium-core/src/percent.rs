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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_or_refused() {
        assert_eq!(decode("/a%20b/%c3%A5").as_deref(), Some("/a b/å"));
        for bad in ["%", "%2", "%zz", "%+1", "%ff", "a%00b", "a\0b"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
