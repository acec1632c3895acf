//! Data that is written as text: payloads of `data:` URIs, long runs of base64 or hex, alone or in lines of one
//! length. Nobody reads or looks for it, and a picture of 150 kB is five hundred chunks of it. One short mark stands in
//! its place, before anything counts characters.
//!
//! What people do look for stays: digests, keys of ordinary length, identifiers, URLs, and every script that is
//! written without spaces.

use std::borrow::Cow;

/// What stands in the place of data.
pub(crate) const MARK: &str = "[…]";
/// Payloads of `data:` URIs that are shorter stay: they may be read.
const LEAST_PAYLOAD: usize = 64;
/// Runs without a blank that are shorter stay: a digest has up to 128 letters, a signed token some hundreds.
const LEAST_RUN: usize = 512;
/// Lines of one length, at least so many and so long, are one run.
const LEAST_LINES: usize = 5;
const LEAST_LINE: usize = 56;
/// The longest `data:` URI up to its comma.
const LONGEST_HEADER: usize = 256;

/// The text without such data, and how many bytes were left out.
pub(crate) fn without_data(text: &str) -> (Cow<'_, str>, u64) {
    if text.len() < LEAST_PAYLOAD {
        return (Cow::Borrowed(text), 0);
    }
    let mut cuts = uris(text);
    cuts.extend(runs(text));
    cuts.extend(line_groups(text));
    cuts.sort_unstable();
    let (mut out, mut at, mut left_out) = (String::new(), 0, 0);
    for (start, end) in cuts {
        let start = start.max(at);
        let Some(before) = text.get(at..start).filter(|_| start < end) else { continue };
        out.push_str(before);
        if !(before.is_empty() && at > 0) {
            out.push_str(MARK);
        }
        left_out += (end - start) as u64;
        at = end;
    }
    if left_out == 0 {
        return (Cow::Borrowed(text), 0);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (Cow::Owned(out), left_out)
}

/// The payloads of `data:` URIs.
fn uris(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(colon) = text.get(at..).and_then(|rest| rest.find("ata:")) {
        let start = at + colon;
        at = start + 4;
        let is_scheme = start > 0 && matches!(text.as_bytes().get(start - 1), Some(b'd' | b'D'));
        let before = text.get(..start.saturating_sub(1)).and_then(|before| before.chars().next_back());
        if !is_scheme || before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let is_header = |b: &u8| b.is_ascii_alphanumeric() || b"/+-.;=_*!#$&^'\"%".contains(b);
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let header = rest.iter().take(LONGEST_HEADER).take_while(|b| is_header(b)).count();
        if rest.get(header) != Some(&b',') {
            continue;
        }
        let payload = at + header + 1;
        let is_base64 =
            rest.get(..header).is_some_and(|header| header.to_ascii_lowercase().ends_with(b";base64"));
        let after = text.get(payload..).unwrap_or_default();
        let length = if is_base64 { base64_length(after) } else { payload_length(after, before) };
        if length >= LEAST_PAYLOAD {
            found.push((payload, payload + length));
        }
        at = payload + length;
    }
    found
}

/// How long base64 goes on.
fn base64_length(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+/=_-%".contains(b)).count()
}

/// How long the payload of a URI is that something stands before: up to its other side.
fn payload_length(text: &str, before: Option<char>) -> usize {
    let ends = |c: char| match before {
        Some(quote @ ('"' | '\'' | '`')) => c == quote || c == '\n',
        Some('<') => c == '>' || c == '\n',
        _ => c.is_whitespace() || !c.is_ascii() || matches!(c, '"' | '<' | '>'),
    };
    let length = text.find(ends).unwrap_or(text.len());
    let payload = text.get(..length).unwrap_or_default();
    match before {
        // The bracket of a link closes it, unless it belongs to the payload.
        Some('(') => payload.find(')').filter(|_| !payload.contains('(')).unwrap_or(length),
        _ => length,
    }
}

/// Runs of data without a blank.
fn runs(text: &str) -> Vec<(usize, usize)> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'-' | b'%');
    let (bytes, mut found, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let length = bytes.iter().skip(at).take_while(|b| is_part(b)).count();
        if length >= LEAST_RUN && bytes.get(at..at + length).is_some_and(is_mixed) {
            found.push((at, at + length));
        }
        at += length.max(1);
    }
    found
}

/// Lines of nothing but base64 or hex, all of one length but for the last.
fn line_groups(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut group, mut at) = (Vec::new(), Group::default(), 0);
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        let end = start + content.len();
        let is_data = !content.is_empty()
            && content.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
        match (&mut group, is_data) {
            (Group { lines: 1.., length, .. }, true) if content.len() == *length => group.add(end),
            (Group { lines: LEAST_LINES.., length, .. }, true) if content.len() < *length => {
                group.add(end);
                found.extend(std::mem::take(&mut group).cut(text));
            }
            _ => {
                found.extend(std::mem::take(&mut group).cut(text));
                if is_data && content.len() >= LEAST_LINE {
                    group = Group { start, end, lines: 1, length: content.len() };
                }
            }
        }
    }
    found.extend(group.cut(text));
    found
}

/// Lines that may be data.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    lines: usize,
    length: usize,
}

impl Group {
    fn add(&mut self, end: usize) {
        self.lines += 1;
        self.end = end;
    }

    fn cut(self, text: &str) -> Option<(usize, usize)> {
        let data = text.as_bytes().get(self.start..self.end)?;
        (self.lines >= LEAST_LINES && is_mixed(data)).then_some((self.start, self.end))
    }
}

/// Whether letters and digits are mixed as no language mixes them.
fn is_mixed(data: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| data.iter().filter(|b| is(b)).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let (digits, escapes) = (count(u8::is_ascii_digit), count(|b| *b == b'%'));
    let all = data.len().max(1);
    let base64 = [upper, lower, digits].into_iter().all(|n| n * 33 >= all);
    let hex = data.iter().all(|b| b.is_ascii_hexdigit() || b.is_ascii_whitespace()) && digits * 4 >= all;
    base64 || hex || escapes * 5 >= all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = |i: usize| LETTERS[((i * 2_654_435_761) >> 7) % LETTERS.len()] as char;
        (1..=length).map(letter).collect()
    }

    fn check(text: &str, expect: &str) {
        let (found, left_out) = without_data(text);
        assert_eq!(found, expect);
        assert_eq!(left_out as usize, text.len() + found.matches(MARK).count() * MARK.len() - expect.len());
    }

    #[test]
    fn payloads_of_uris_go_and_what_is_around_them_stays() {
        let data = noise(4000);
        check(
            &format!("a ![x](data:image/png;base64,{data}) b"),
            &format!("a ![x](data:image/png;base64,{MARK}) b"),
        );
        check(
            &format!("<img src=\"data:image/png;base64,{data}\" alt=x>"),
            &format!("<img src=\"data:image/png;base64,{MARK}\" alt=x>"),
        );
        check(
            &format!("[r]: data:font/woff2;base64,{data}\nnext"),
            &format!("[r]: data:font/woff2;base64,{MARK}\nnext"),
        );
        let svg = format!("<img src='data:image/svg+xml;utf8,<svg>{}</svg>'>", "<g/> ".repeat(40));
        check(&svg, &format!("<img src='data:image/svg+xml;utf8,{MARK}'>"));
        let (one, other) = ("data:image/png;base64,", noise(900));
        check(
            &format!("![a]({one}{other})见图一(左)这段文字。![b]({one}{other})后面"),
            &format!("![a]({one}{MARK})见图一(左)这段文字。![b]({one}{MARK})后面"),
        );
        check(&format!("see data:,{} there", "%20".repeat(100)), &format!("see data:,{MARK} there"));
    }

    #[test]
    fn runs_and_lines_of_data_go() {
        check(&format!("a {} b", noise(2000)), &format!("a {MARK} b"));
        check(&format!("x {} y", "0123456789abcdef".repeat(64)), &format!("x {MARK} y"));
        let data = noise(64 * 9 + 20);
        let lines: Vec<&str> = data.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", lines.join("\n"));
        check(&pem, &format!("-----BEGIN CERTIFICATE-----\n{MARK}\n-----END CERTIFICATE-----"));
    }

    #[test]
    fn what_people_look_for_stays() {
        let token = format!("{}.{}.{}", noise(120), noise(300), noise(86));
        let url =
            format!("https://example.org/{}?q={}", "a-path-with-words/".repeat(40), "value&".repeat(60));
        for text in [
            noise(256).as_str(),
            &"0123456789abcdef".repeat(8),
            &token,
            &url,
            &"ไม่มีช่องว่างระหว่างคำ".repeat(200),
            &"日本語の文章".repeat(500),
            &"Donaudampfschifffahrtsgesellschaft".repeat(30),
            &"lowercase_identifier_without_any_digit".repeat(20),
            &"short data:text/plain,hello world and more words that follow it here".repeat(3),
            &"metadata: a, b, c, and so on, for a line that is long enough to be looked at\n".repeat(20),
            &"SAME LENGTH LINES OF WORDS ARE PROSE AND NOT ANY DATA AT ALL\n".repeat(9),
        ] {
            assert_eq!(without_data(text), (Cow::Borrowed(text), 0));
        }
    }
}
