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
/// Media queries within media queries that are looked into, at most.
const MOST_NESTED: usize = 2;
/// So far outside that nothing is left on any screen, in pixels (or in em, which is more).
const OFF_PAGE: f32 = -900.0;

/// A way of not being seen. Of each a declaration says that it is so, that it is not, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    // The element is gone with all in it.
    Display,
    Opacity,
    /// Off the page, or clipped away.
    Place,
    /// Without room.
    Room,
    Content,
    // What is in it may be seen again.
    Visibility,
    Size,
    Color,
}

const WAYS: usize = 8;

/// What declarations say of whether an element is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Declared([Option<bool>; WAYS]);

impl Declared {
    fn set(&mut self, way: Way, seen: bool) {
        if let Some(entry) = self.0.get_mut(way as usize) {
            *entry = Some(seen);
        }
    }

    /// Whether the element is gone with all in it.
    pub(crate) fn is_gone(self) -> bool {
        self.0.iter().take(Way::Visibility as usize).any(|seen| *seen == Some(false))
    }

    /// What is said of the ways in which a part of an element may be seen again.
    pub(crate) fn inherited(self) -> [Option<bool>; 3] {
        [Way::Visibility, Way::Size, Way::Color].map(|way| self.0.get(way as usize).copied().flatten())
    }

    /// What is said here, and where nothing is, what is said by weaker declarations.
    pub(crate) fn over(self, weaker: Self) -> Self {
        let mut both = self;
        both.0.iter_mut().zip(weaker.0).for_each(|(seen, weaker)| *seen = seen.or(weaker));
        both
    }
}

/// Reads the declarations of a rule, or of a `style` attribute.
pub(crate) fn declarations(text: &str) -> Declared {
    let mut declared = Declared::default();
    let (mut positioned, mut padded, mut ellipsis, mut on_text) = (false, false, false, false);
    let (mut place, mut room, mut hides_rest): (Option<bool>, Option<bool>, bool) = (None, None, false);
    let (mut color, mut background) = (None, None);
    for declaration in text.split(';').take(200) {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let value = value.trim().to_ascii_lowercase();
        let value = value.trim_end_matches("!important").trim_end();
        match property.trim().to_ascii_lowercase().as_str() {
            "display" => declared.set(Way::Display, value != "none"),
            "visibility" => declared.set(Way::Visibility, !matches!(value, "hidden" | "collapse")),
            "opacity" => declared.set(Way::Opacity, number(value) != Some(0.0)),
            "font-size" if is_absolute(value) => {
                declared.set(Way::Size, number(value).is_none_or(|n| n.abs() >= 1.0))
            }
            "content-visibility" => declared.set(Way::Content, value != "hidden"),
            "position" => positioned = matches!(value, "absolute" | "fixed"),
            "left" | "top" | "right" | "bottom" | "margin-left" | "margin-top" => {
                place = Some(place != Some(false) && number(value).is_none_or(|offset| offset > OFF_PAGE));
            }
            "text-indent" => declared.set(Way::Place, number(value).is_none_or(|indent| indent > OFF_PAGE)),
            "transform" => declared.set(Way::Content, !value.replace(' ', "").contains("scale(0)")),
            "clip" => place = Some(place != Some(false) && !clips_all(value)),
            "clip-path" => {
                declared
                    .set(Way::Place, !(value.starts_with("inset(50%") || value.starts_with("inset(100%")));
            }
            "width" | "height" | "max-height" => {
                room = Some(room != Some(false) && number(value) != Some(0.0))
            }
            "padding" | "padding-top" | "padding-bottom" => padded |= number(value).is_some_and(|n| n > 0.0),
            "overflow" | "overflow-x" | "overflow-y" => hides_rest = matches!(value, "hidden" | "clip"),
            "text-overflow" => ellipsis = true,
            "color" | "-webkit-text-fill-color" => color = Some(value.to_owned()),
            "background" | "background-color" => background = Some(value.to_owned()),
            "background-clip" | "-webkit-background-clip" => on_text = value == "text",
            _ => {}
        }
    }
    match place {
        Some(false) if positioned => declared.set(Way::Place, false),
        Some(true) => declared.set(Way::Place, true),
        _ => {}
    }
    match room {
        Some(false) if hides_rest && !padded && !ellipsis => declared.set(Way::Room, false),
        Some(true) => declared.set(Way::Room, true),
        _ => {}
    }
    if let Some(color) = color {
        let camouflaged = background.is_some_and(|background| same_color(&color, &background));
        declared.set(Way::Color, on_text || !(camouflaged || is_transparent(&color)));
    }
    declared
}

/// The number at the beginning of a value, without its unit.
fn number(value: &str) -> Option<f32> {
    let end =
        value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(value.len());
    value.get(..end)?.parse().ok()
}

/// A size by itself, or zero of anything: a share of nothing is nothing, and of something something.
fn is_absolute(value: &str) -> bool {
    let named =
        value.starts_with(|c: char| c.is_ascii_alphabetic()) && value != "inherit" && value != "smaller";
    number(value) == Some(0.0)
        || ["px", "pt", "rem", "vw", "cm", "mm"].iter().any(|unit| value.ends_with(unit))
        || named
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
    let end = if color.starts_with("rgb(") { color.find(')').map(|at| at + 1) } else { color.find(' ') };
    let color = color.get(..end.unwrap_or(color.len())).unwrap_or(color);
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
        if self.bytes <= MOST_BYTES {
            self.add_rules(&without_comments(text), MOST_NESTED);
        }
    }

    fn add_rules(&mut self, text: &str, nested: usize) {
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (selectors, body) =
                (rest.get(..open).unwrap_or_default(), rest.get(open + 1..).unwrap_or_default());
            let end = block_end(body);
            let block = body.get(..end).unwrap_or_default();
            // What stands before a rule without a block, such as `@charset`.
            let selectors = selectors.rsplit(';').next().unwrap_or_default().trim();
            match selectors.strip_prefix("@media") {
                Some(query) if nested > 0 && is_of_screens(query) => self.add_rules(block, nested - 1),
                None if !selectors.starts_with('@') && !block.contains('{') => {
                    self.add_rule(selectors, block)
                }
                _ => {}
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
        matching.iter().fold(Declared::default(), |weaker, (_, rule)| rule.declared.over(weaker))
    }
}

/// Whether a media query holds on every screen.
pub(crate) fn is_of_screens(query: &str) -> bool {
    query.split(',').any(|part| {
        matches!(part.trim().to_ascii_lowercase().as_str(), "" | "all" | "screen" | "only screen")
    })
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

    fn is_unseen(style: &str) -> bool {
        let declared = declarations(style);
        declared.is_gone() || declared.inherited().contains(&Some(false))
    }

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
            "visibility:hidden",
            "position:absolute;clip:rect(1px, 1px, 1px, 1px)",
            "clip-path: inset(50%)",
            "height:0;overflow:hidden",
            "color:#fff;background:#ffffff",
            "color:white; background-color: rgb(255, 255, 255)",
            "color: transparent",
        ] {
            assert!(is_unseen(gone), "{gone}");
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
            "max-width:0;overflow:hidden;text-overflow:ellipsis",
            "height:0;overflow:hidden;padding-bottom:56%",
            "color:transparent;background-clip:text;background:red",
            "font-size:1em",
        ] {
            assert!(!is_unseen(there), "{there}");
        }
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
