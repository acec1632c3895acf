//! Which topics are read: names, and patterns that stand for the topics that there are.

use alluvium_core::source::SourceError;
use globset::{Glob, GlobMatcher};

use crate::client::{self, Consumer};
use crate::settings::KafkaSpec;

/// How the names of topics begin that are the brokers' own.
const INTERNAL: &str = "__";

/// The topics that a source reads.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    named: Vec<String>,
    patterns: Vec<GlobMatcher>,
    /// Topics of the patterns that were there when somebody looked, sorted.
    found: Vec<String>,
}

impl Topics {
    pub(crate) fn of(spec: &KafkaSpec) -> Result<Self, SourceError> {
        let (patterns, named): (Vec<_>, Vec<_>) = spec.topics.iter().cloned().partition(|t| is_pattern(t));
        let compile = |pattern: String| Ok(Glob::new(&pattern)?.compile_matcher());
        let patterns = patterns.into_iter().map(compile).collect::<Result<_, globset::Error>>();
        let patterns = patterns.map_err(|e| spec.broken(format!("a pattern of topics: {e}")))?;
        Ok(Self { named, patterns, found: Vec::new() })
    }

    /// Whether there may be topics that only the brokers know.
    pub(crate) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Those that are known.
    pub(crate) fn names(&self) -> Vec<String> {
        let found = self.found.iter().filter(|found| !self.named.contains(found));
        self.named.iter().chain(found).cloned().collect()
    }

    /// Whether a topic is one of them.
    pub(crate) fn covers(&self, topic: &str) -> bool {
        self.named.iter().any(|name| name == topic) || self.is_matched(topic)
    }

    fn is_matched(&self, topic: &str) -> bool {
        !topic.starts_with(INTERNAL) && self.patterns.iter().any(|pattern| pattern.is_match(topic))
    }

    /// Asks the brokers which topics the patterns stand for; whether that has changed.
    pub(crate) fn look(&mut self, consumer: &Consumer, spec: &KafkaSpec) -> Result<bool, SourceError> {
        if !self.has_patterns() {
            return Ok(false);
        }
        let mut found = client::topics(consumer, spec)?;
        found.retain(|topic| self.is_matched(topic));
        found.sort_unstable();
        let changed = found != self.found;
        self.found = found;
        Ok(changed)
    }
}

/// Whether it stands for topics rather than being the name of one.
pub(crate) fn is_pattern(topic: &str) -> bool {
    topic.contains(['*', '?', '[', '{'])
}
