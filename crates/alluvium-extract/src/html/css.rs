//! As much of style sheets as tells what is not seen: declarations that take an element away, and rules whose
//! selectors are about one element alone (`p`, `.note`, `#top`, `p.note.small`). Rules within `@media` and its kin
//! hold somewhere else or some time else, and are passed over.

use std::collections::HashMap;

use scraper::node::Element;

/// Rules that are kept of one page, at most.
const MOST_RULES: usize = 2_000;
/// Bytes of style sheets that are looked at, at most.
const MOST_BYTES: usize = 512 * 1024;
/// Rules that are compared with one element, at most.
const MOST_COMPARED: usize = 64;
/// So far outside that nothing is left on any screen, in pixels (or in em, which is more).
const OFF_PAGE: f32 = -900.0;

/// What declarations say of whether an element is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// It and all in it are gone.
    pub(crate) gone: bool,
    /// Whether it is visible, where that is said.
    pub(crate) visible: Option<bool>,
    /// Whether `display` is declared at all, and so decides against weaker rules.
    display: bool,
}

/// Reads the declarations of a rule, or of a `style` attribute.
pub(crate) fn declarations(text: &str) -> Declared {
    let mut declared = Declared::default();
    let (mut positioned, mut off_page, mut clipped) = (false, false, false);
    let (mut color, mut background) = (None, None);
    let mut sizes = (false, false, false);
    for declaration in text.split(';').take(200) {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let value = value.trim().to_ascii_lowercase();
        let value = value.trim_end_matches("!important").trim_end();
        match property.trim().to_ascii_lowercase().as_str() {
            "display" => (declared.gone, declared.display) = (value == "none", true),
            "visibility" => match value {
                "hidden" | "collapse" => declared.visible = Some(false),
                "visible" => declared.visible = Some(true),
                _ => {}
            },
            "opacity" if number(value) == Some(0.0) => declared.gone = true,
            "font-size" | "zoom"
                if number(value).is_some_and(|size| size.abs() < 1.0 && is_absolute(value)) =>
            {
                declared.gone = true;
            }
            "content-visibility" if value == "hidden" => declared.gone = true,
            "position" => positioned = matches!(value, "absolute" | "fixed"),
            "left" | "top" | "right" | "bottom" | "margin-left" | "margin-top" => {
                off_page |= number(value).is_some_and(|offset| offset <= OFF_PAGE);
            }
            "text-indent" if number(value).is_some_and(|indent| indent <= OFF_PAGE) => declared.gone = true,
            "transform" if value.replace(' ', "").contains("scale(0)") => declared.gone = true,
            "clip" => clipped = clips_all(value),
            "clip-path" if value.starts_with("inset(50%") || value.starts_with("inset(100%") => {
                declared.gone = true;
            }
            "width" | "max-width" => sizes.0 |= number(value) == Some(0.0),
            "height" | "max-height" => sizes.1 |= number(value) == Some(0.0),
            "overflow" => sizes.2 = matches!(value, "hidden" | "clip"),
            "color" => color = Some(value.to_owned()),
            "background" | "background-color" => background = Some(value.to_owned()),
            _ => {}
        }
    }
    let same_color = color.as_deref().zip(background.as_deref()).is_some_and(|(a, b)| same_color(a, b));
    declared.gone |= same_color
        || color.as_deref().is_some_and(is_transparent)
        || off_page && positioned
        || clipped && positioned
        || sizes.2 && (sizes.0 || sizes.1);
    declared
}

/// The number at the beginning of a value, without its unit.
fn number(value: &str) -> Option<f32> {
    let end =
        value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(value.len());
    value.get(..end)?.parse().ok()
}

/// A size in pixels or points, or zero of anything; `0.8em` is small, not nothing.
fn is_absolute(value: &str) -> bool {
    number(value) == Some(0.0) || value.ends_with("px") || value.ends_with("pt")
}

fn clips_all(value: &str) -> bool {
    let Some(inner) = value.strip_prefix("rect(").and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let sides: Vec<f32> = inner.split([',', ' ']).filter_map(|side| number(side.trim())).collect();
    sides.len() == 4 && sides.iter().all(|side| *side <= 1.0)
}

fn is_transparent(color: &str) -> bool {
    let compact = color.replace(' ', "");
    compact == "transparent"
        || (compact.starts_with("rgba(") && (compact.ends_with(",0)") || compact.ends_with(",0.0)")))
}

/// Whether two colours are the same, however they are written.
fn same_color(a: &str, b: &str) -> bool {
    match (rgb(a), rgb(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

fn rgb(color: &str) -> Option<[u8; 3]> {
    let color = color.split_whitespace().next().unwrap_or(color);
    let named = [
        ("white", [255; 3]),
        ("black", [0; 3]),
        ("red", [255, 0, 0]),
        ("blue", [0, 0, 255]),
        ("yellow", [255, 255, 0]),
        ("gray", [128; 3]),
        ("grey", [128; 3]),
    ];
    if let Some((_, rgb)) = named.into_iter().find(|(name, _)| *name == color) {
        return Some(rgb);
    }
    if let Some(hex) = color.strip_prefix('#').filter(|hex| hex.is_ascii()) {
        let digit = |at: usize| u8::from_str_radix(hex.get(at..=at)?, 16).ok();
        let pair = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        return match hex.len() {
            3 => Some([digit(0)? * 17, digit(1)? * 17, digit(2)? * 17]),
            6 => Some([pair(0)?, pair(2)?, pair(4)?]),
            _ => None,
        };
    }
    let inner = color.strip_prefix("rgb(")?.strip_suffix(')')?;
    let parts: Vec<u8> = inner.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    parts.try_into().ok()
}

/// A rule about one element.
#[derive(Debug)]
struct Rule {
    tag: Option<String>,
    id: Option<String>,
    classes: Vec<String>,
    declared: Declared,
}

impl Rule {
    /// How much it weighs against others: ids, classes, the tag.
    fn weight(&self) -> (usize, usize, usize) {
        (usize::from(self.id.is_some()), self.classes.len(), usize::from(self.tag.is_some()))
    }

    fn matches(&self, element: &Element) -> bool {
        let has = |class: &String| element.classes().any(|own| own == class);
        self.tag.as_deref().is_none_or(|tag| tag == element.name())
            && self.id.as_deref().is_none_or(|id| element.id() == Some(id))
            && self.classes.iter().all(has)
    }

    /// What elements must have for it to be looked at.
    fn key(&self) -> Key {
        match (&self.id, self.classes.first(), &self.tag) {
            (Some(id), ..) => Key::Id(id.clone()),
            (_, Some(class), _) => Key::Class(class.clone()),
            (_, _, tag) => Key::Tag(tag.clone().unwrap_or_default()),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(String),
    Class(String),
    Tag(String),
}

/// The rules of a page's style sheets that say something of whether elements are seen.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    rules: Vec<Rule>,
    by_key: HashMap<Key, Vec<usize>>,
    bytes: usize,
}

impl Sheet {
    /// Adds the text of a `<style>`.
    pub(crate) fn add(&mut self, text: &str) {
        self.bytes += text.len();
        if self.bytes > MOST_BYTES {
            return;
        }
        let text = without_comments(text);
        let mut rest = text.as_str();
        while let Some(open) = rest.find('{') {
            let (selectors, body) =
                (rest.get(..open).unwrap_or_default(), rest.get(open + 1..).unwrap_or_default());
            let end = block_end(body);
            let block = body.get(..end).unwrap_or_default();
            // What stands before a rule without a block, such as `@charset`.
            let selectors = selectors.rsplit(';').next().unwrap_or_default().trim();
            if !selectors.starts_with('@') && !block.contains('{') {
                self.add_rule(selectors, block);
            }
            rest = body.get((end + 1).min(body.len())..).unwrap_or_default();
        }
    }

    fn add_rule(&mut self, selectors: &str, block: &str) {
        let declared = declarations(block);
        if declared == Declared::default() {
            return;
        }
        for selector in selectors.split(',') {
            let Some(rule) = compound(selector.trim(), declared) else { continue };
            if self.rules.len() >= MOST_RULES {
                return;
            }
            self.by_key.entry(rule.key()).or_default().push(self.rules.len());
            self.rules.push(rule);
        }
    }

    /// What the rules say of an element, the heaviest and last one first.
    pub(crate) fn declared(&self, element: &Element) -> Declared {
        if self.rules.is_empty() {
            return Declared::default();
        }
        let id = element.id().map(|id| Key::Id(id.to_owned()));
        let classes = element.classes().map(|class| Key::Class(class.to_owned()));
        let keys = id.into_iter().chain(classes).chain([Key::Tag(element.name().to_owned())]);
        let numbers = keys.filter_map(|key| self.by_key.get(&key)).flatten().take(MOST_COMPARED);
        let mut matching: Vec<(usize, &Rule)> = numbers
            .filter_map(|number| Some((*number, self.rules.get(*number)?)))
            .filter(|(_, rule)| rule.matches(element))
            .collect();
        matching.sort_by_key(|(number, rule)| (rule.weight(), *number));
        let mut result = Declared::default();
        for (_, rule) in matching {
            let declared = rule.declared;
            if declared.display || declared.gone {
                result.gone = declared.gone;
            }
            result.visible = declared.visible.or(result.visible);
        }
        result
    }
}

/// A selector about one element, without anything around it or in it.
fn compound(selector: &str, declared: Declared) -> Option<Rule> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if selector.is_empty()
        || selector.len() > 200
        || !selector.chars().all(|c| is_name(c) || matches!(c, '.' | '#'))
    {
        return None;
    }
    let mut rule = Rule { tag: None, id: None, classes: Vec::new(), declared };
    let mut rest = selector;
    let first = rest.find(['.', '#']).unwrap_or(rest.len());
    if first > 0 {
        rule.tag = rest.get(..first).map(str::to_ascii_lowercase);
        rest = rest.get(first..)?;
    }
    while let Some(sign) = rest.chars().next() {
        let name = rest.get(1..)?;
        let end = name.find(['.', '#']).unwrap_or(name.len());
        let part = name.get(..end).filter(|part| !part.is_empty())?.to_owned();
        match sign {
            '#' => rule.id = Some(part),
            _ => rule.classes.push(part),
        }
        rest = name.get(end..)?;
    }
    // A page whose root is taken away is one that a script brings in.
    (!matches!(rule.tag.as_deref(), Some("html" | "body"))).then_some(rule)
}

/// Where a block ends that begins here; blocks in it are passed over.
fn block_end(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_that_take_an_element_away() {
        for gone in [
            "display:none",
            " DISPLAY : None !important ; color:red",
            "opacity:0",
            "font-size:0px",
            "font-size: 0",
            "position:absolute; left:-9999px",
            "position:fixed;top:-200em;left:-999em",
            "text-indent:-9999px",
            "position:absolute;clip:rect(1px, 1px, 1px, 1px)",
            "clip-path: inset(50%)",
            "height:0;overflow:hidden",
            "color:#fff;background:#ffffff",
            "color:white; background-color: rgb(255, 255, 255)",
            "color: transparent",
        ] {
            assert!(declarations(gone).gone, "{gone}");
        }
        for there in [
            "display:block",
            "opacity:0.5",
            "font-size:0.8em",
            "font-size:12px",
            "left:-9999px",
            "position:absolute;left:10px",
            "text-indent:-2em",
            "color:white",
            "color:white;background:black",
            "height:0",
            "width:0",
            "visibility:visible",
        ] {
            assert!(!declarations(there).gone, "{there}");
        }
        assert_eq!(declarations("visibility:hidden").visible, Some(false));
    }

    #[test]
    fn selectors_about_one_element() {
        assert!(compound(".a", Declared::default()).is_some());
        assert!(compound("p.a.b", Declared::default()).is_some_and(|rule| rule.weight() == (0, 2, 1)));
        for other in [".a .b", ".a > .b", "a:hover", "*", "", "html", "body.x", "[hidden]", "."] {
            assert!(compound(other, Declared::default()).is_none(), "{other}");
        }
    }
}
