//! What is said over the control socket: a request, and the answers to it.

use alluvium_core::brake::{Brake, Listing};
use alluvium_core::commit::Counts;
use alluvium_core::hash::Sha256;
use alluvium_core::id::{PipelineName, SourceName};
use alluvium_core::skipped::Skipped;
use alluvium_runtime::Snapshot;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::{Exit, Failure};
use crate::results::LiveShort;

const SCHEMA: &str = "alluvium.control.v1";
/// The longest request, in bytes.
pub(super) const LONGEST_REQUEST: usize = 64 << 10;
/// The longest answer, in bytes.
pub(super) const LONGEST_ANSWER: usize = 1 << 20;

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Request {
    Backfill(BackfillRequest),
}

/// A backfill, to be done by the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillRequest {
    pub(crate) pipeline: PipelineName,
    /// Of the pipeline, as it is noted on documents.
    pub(crate) fingerprint: Sha256,
    /// Identity of the pipeline's settings.
    pub(crate) config_hash: Sha256,
    /// Those that were chosen by name; none where all are meant.
    pub(crate) sources: Vec<SourceName>,
    /// Process all documents, not only those that changed.
    pub(crate) reprocess_all: bool,
    /// Take the brake off.
    pub(crate) allow_deletes: bool,
}

/// What the daemon says. The last two end the conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    /// It is there; the request's turn is to come.
    Waiting,
    /// Something that a person should know.
    Note {
        text: String,
    },
    Progress(Progress),
    Done(Done),
    Refused(Refused),
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    expected: Option<u64>,
    seen: u64,
    done: u64,
    committed: u64,
    quarantined: u64,
    embedded: u64,
}

impl From<Snapshot> for Progress {
    fn from(snapshot: Snapshot) -> Self {
        let Snapshot { expected, seen, done, committed, quarantined, embedded, counts: _ } = snapshot;
        Self { expected, seen, done, committed, quarantined, embedded }
    }
}

impl From<Progress> for Snapshot {
    fn from(progress: Progress) -> Self {
        let Progress { expected, seen, done, committed, quarantined, embedded } = progress;
        Self { expected, seen, done, committed, quarantined, embedded, counts: Counts::default() }
    }
}

/// All of it is in the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) seen: u64,
    pub(crate) unchanged: u64,
    pub(crate) skipped: Skipped,
    pub(crate) counts: Counts,
    /// Sources whose deletions were withheld.
    pub(crate) braked: Vec<Braked>,
    /// Whether something of it was published.
    pub(crate) published: bool,
    pub(crate) release: Option<LiveShort>,
}

/// A source whose deletions were withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Braked {
    source: SourceName,
    listed: u64,
    known: u64,
    missing: u64,
}

impl From<(SourceName, Brake)> for Braked {
    fn from((source, Brake(listing)): (SourceName, Brake)) -> Self {
        let Listing { listed, known, missing } = listing;
        Self { source, listed, known, missing }
    }
}

impl From<Braked> for (SourceName, Brake) {
    fn from(braked: Braked) -> Self {
        let Braked { source, listed, known, missing } = braked;
        (source, Brake(Listing { listed, known, missing }))
    }
}

/// It is not done, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    exit: u8,
    code: String,
    message: String,
    #[serde(rename = "where")]
    place: Option<String>,
    next: String,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let Failure { exit, code, message, place, next } = failure;
        Self { exit: exit.code(), code: code.into_owned(), message, place, next }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let Refused { exit, code, message, place, next } = refused;
        Self { exit: Exit::of(exit).unwrap_or(Exit::Failed), code: code.into(), message, place, next }
    }
}

/// One line.
pub(super) fn line(body: &impl Serialize) -> Vec<u8> {
    // Plain structs of our own are objects, and can't fail to be JSON.
    let mut value = serde_json::to_value(body).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("schema".to_owned(), SCHEMA.into());
    }
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// What a line says, or what is wrong with it.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    let mut object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|e| format!("no object of JSON: {e}"))?;
    match object.remove("schema") {
        Some(Value::String(schema)) if schema == SCHEMA => {}
        Some(other) => return Err(format!("schema {other}, where {SCHEMA:?} is spoken")),
        None => return Err("a message without a schema".to_owned()),
    }
    serde_json::from_value(Value::Object(object)).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request::Backfill(BackfillRequest {
            pipeline: PipelineName::new("handbook").unwrap(),
            fingerprint: Sha256::of("fingerprint"),
            config_hash: Sha256::of("settings"),
            sources: vec![SourceName::new("docs").unwrap()],
            reprocess_all: true,
            allow_deletes: false,
        })
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        let sent = line(&request());
        assert_eq!(sent.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(parse(&sent), Ok(request()));
        let failure = || Failure::new(Exit::Held, "busy", "a\nb").at("index").next("wait");
        let snapshot = Snapshot { expected: Some(7), done: 3, embedded: 2, ..Snapshot::default() };
        for answer in [
            Answer::Waiting,
            Answer::Note { text: "two\nlines".to_owned() },
            Answer::Progress(snapshot.into()),
            Answer::Refused(failure().into()),
        ] {
            let sent = line(&answer);
            assert_eq!(sent.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(parse(&sent), Ok(answer));
        }
        assert_eq!(Snapshot::from(Progress::from(snapshot)), snapshot);
        let back = Failure::from(Refused::from(failure()));
        assert_eq!((back.exit, &*back.code, back.message.as_str()), (Exit::Held, "busy", "a\nb"));
    }

    #[test]
    fn what_is_unknown_is_refused_and_says_what_it_is() {
        let good = String::from_utf8(line(&request())).unwrap();
        let cases = [
            ("", "no object of JSON"),
            ("{", "no object of JSON"),
            ("[1]", "no object of JSON"),
            ("\u{0}\u{7f}", "no object of JSON"),
            ("{}", "without a schema"),
            (&good.replace("control.v1", "control.v2"), "alluvium.control.v2"),
            (&good.replace("backfill", "erase"), "unknown variant `erase`"),
            (&good.replace("allow_deletes", "allow_all"), "unknown field `allow_all`"),
            (&good.replace("\"docs\"", "\"no/name\""), "letters"),
            (&good.replace("false", "\"no\""), "invalid type"),
            (&format!("{{\"schema\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)), "recursion"),
        ];
        for (text, expected) in cases {
            let error = parse::<Request>(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
