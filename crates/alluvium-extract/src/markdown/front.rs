//! Front matter: what a Markdown document says of itself before its text, in YAML, TOML or JSON. As much of it is read
//! as titles and simple metadata need; anything deeper is passed over.

use crate::outcome::one_line;

/// Entries that are kept, at most.
const MOST: usize = 64;

/// What front matter says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Front {
    pub(super) title: Option<String>,
    pub(super) language: Option<String>,
    /// `key=value`, one entry a value.
    pub(super) metadata: Vec<String>,
}

impl Front {
    fn add(&mut self, key: &str, value: &str) {
        let key = key.trim().to_lowercase();
        let plain = key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let Some(value) = one_line(value).filter(|_| plain && !key.is_empty()) else { return };
        match key.as_str() {
            "title" => self.title = self.title.take().or(Some(value)),
            "lang" | "language" => self.language = self.language.take().or(Some(value)),
            // Who may read is said by access lists and by nothing else.
            _ if self.metadata.len() < MOST => self.metadata.push(format!("{key}={value}")),
            _ => {}
        }
    }
}

/// JSON front matter: an object that begins the text and ends on a line of its own. Its length, and what it says.
pub(super) fn json(text: &str) -> Option<(usize, Front)> {
    if !text.starts_with("{\n") {
        return None;
    }
    let end = text.find("\n}\n").map(|at| at + 3).or_else(|| text.ends_with("\n}").then_some(text.len()))?;
    let value: serde_json::Value = serde_json::from_str(text.get(..end)?).ok()?;
    let mut front = Front::default();
    for (key, value) in value.as_object()? {
        add_json(&mut front, key, value);
    }
    Some((end, front))
}

fn add_json(front: &mut Front, key: &str, value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => front.add(key, text),
        serde_json::Value::Number(number) => front.add(key, &number.to_string()),
        serde_json::Value::Bool(truth) => front.add(key, &truth.to_string()),
        serde_json::Value::Array(items) => {
            items
                .iter()
                .filter(|item| !item.is_array())
                .take(MOST)
                .for_each(|item| add_json(front, key, item));
        }
        _ => {}
    }
}

/// TOML front matter; none where it is none.
pub(super) fn toml(block: &str) -> Option<Front> {
    let table: toml::Table = block.parse().ok()?;
    let mut front = Front::default();
    for (key, value) in &table {
        add_toml(&mut front, key, value);
    }
    Some(front)
}

fn add_toml(front: &mut Front, key: &str, value: &toml::Value) {
    match value {
        toml::Value::String(text) => front.add(key, text),
        toml::Value::Array(items) => {
            items
                .iter()
                .filter(|item| !item.is_array())
                .take(MOST)
                .for_each(|item| add_toml(front, key, item));
        }
        toml::Value::Table(_) => {}
        scalar => front.add(key, &scalar.to_string()),
    }
}

/// YAML front matter: scalars, lists in brackets and lists of lines. None where no line of it is `key: value`.
pub(super) fn yaml(block: &str) -> Option<Front> {
    let mut front = Front::default();
    let (mut key, mut any, mut folded): (Option<&str>, bool, Option<String>) = (None, false, None);
    for line in block.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let (Some(key), true) = (key, is_nested || content.starts_with("- ")) {
            match (&mut folded, content.strip_prefix("- ")) {
                (Some(text), _) => {
                    text.push(' ');
                    text.push_str(content);
                }
                (None, Some(item)) if !item.contains(": ") => front.add(key, scalar(item)),
                _ => {}
            }
            continue;
        }
        if let (Some(key), Some(text)) = (key, folded.take()) {
            front.add(key, &text);
        }
        let (name, value) = content
            .split_once(':')
            .filter(|(_, value)| value.is_empty() || value.starts_with([' ', '\t']))?;
        any = true;
        key = Some(scalar(name));
        let value = value.trim();
        match value.chars().next() {
            None => {}
            Some('|' | '>') => folded = Some(String::new()),
            Some('[') => {
                let items = value.trim_start_matches('[').trim_end_matches(']').split(',');
                items
                    .map(str::trim)
                    .filter(|i| !i.is_empty())
                    .for_each(|item| front.add(scalar(name), scalar(item)));
            }
            // Maps, anchors, tags and aliases say nothing that is kept.
            Some('{' | '&' | '*' | '!') => {}
            Some(_) => front.add(scalar(name), scalar(value)),
        }
    }
    if let (Some(key), Some(text)) = (key, folded.take()) {
        front.add(key, &text);
    }
    any.then_some(front)
}

/// A scalar without its quotes, or without the comment after it.
fn scalar(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split(quote).next().unwrap_or(inner);
        }
    }
    text.split(" #").next().unwrap_or(text).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_and_lists_of_three_notations() {
        let expect = ["tags=a", "tags=b c", "draft=true", "weight=3"].map(str::to_owned);
        let yaml = yaml(
            "title: \"A: plan\"\ntags: [a, 'b c']\ndraft: true\nnested:\n  deep: x\nweight: 3 # three\n",
        )
        .unwrap();
        assert_eq!((yaml.title.as_deref(), yaml.metadata.as_slice()), (Some("A: plan"), expect.as_slice()));
        let toml = toml("title = 'A: plan'\ntags = ['a', 'b c']\ndraft = true\nweight = 3\n[deep]\nx = 1\n")
            .unwrap();
        assert_eq!(toml.title, yaml.title);
        let mut sorted = toml.metadata.clone();
        sorted.sort();
        assert_eq!(sorted, ["draft=true", "tags=a", "tags=b c", "weight=3"]);
        let (length, json) = json(
            "{\n\"title\": \"A: plan\", \"tags\": [\"a\", \"b c\"], \"draft\": true, \"weight\": 3\n}\n\n# X",
        )
        .unwrap();
        assert_eq!((json.title, json.metadata.len(), length), (yaml.title, 4, 73));
    }

    #[test]
    fn lines_lists_and_folded_texts() {
        let front = yaml("tags:\n  - one\n  - two\ntitle: >\n  in two\n  lines\nlang: de\n").unwrap();
        assert_eq!(front.metadata, ["tags=one", "tags=two"]);
        assert_eq!((front.title.as_deref(), front.language.as_deref()), (Some("in two lines"), Some("de")));
    }

    #[test]
    fn what_is_no_front_matter() {
        assert_eq!(yaml("just words\n"), None);
        assert_eq!(yaml("time is 10:30\n"), None);
        assert_eq!(toml("not = = toml"), None);
        assert_eq!(json("{\nnot json\n}\n"), None);
    }
}
