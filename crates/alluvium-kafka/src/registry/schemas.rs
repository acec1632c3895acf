//! The schemas of a registry, those that were used last kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use schema_registry_converter::schema_registry_common::RegisteredReference;

use super::client::Client;
use super::schema::{Reference, Schema};
use super::{Trouble, shorten};

/// How many schemas are kept at most, and how many bytes of their texts.
const MOST_KEPT: usize = 1000;
const MOST_KEPT_BYTES: usize = 16 << 20;
/// How large a schema may be with all that it refers to.
const LARGEST: usize = 1 << 20;
/// What a schema may refer to, and through how many others.
const MOST_REFERENCES: usize = 100;
const DEEPEST: usize = 16;
/// For how long a schema that can't be used is not asked for again.
const DOUBT: Duration = Duration::from_secs(5);
/// How long a schema may take with all that it refers to.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Schemas {
    client: Client,
    kept: HashMap<u32, Kept>,
    uses: u64,
}

struct Kept {
    schema: Result<Arc<Schema>, String>,
    bytes: usize,
    used: u64,
    since: Instant,
}

impl Kept {
    fn is_doubtful(&self) -> bool {
        self.schema.is_err() && self.since.elapsed() >= DOUBT
    }
}

impl Schemas {
    pub(super) fn new(client: Client) -> Self {
        Self { client, kept: HashMap::new(), uses: 0 }
    }

    /// The schema of an id, from the registry where it is not kept.
    pub(super) fn get(&mut self, id: u32) -> Result<Arc<Schema>, Trouble> {
        self.uses += 1;
        if let Some(kept) = self.kept.get_mut(&id).filter(|kept| !kept.is_doubtful()) {
            kept.used = self.uses;
            return kept.schema.clone().map_err(Trouble::Refused);
        }
        let mut loading = Loading::of(&mut self.client);
        let schema = match loading.schema(id) {
            Ok(schema) => Ok(Arc::new(schema)),
            Err(Trouble::Refused(why)) => Err(shorten(&why)),
            Err(trouble) => return Err(trouble),
        };
        let bytes = loading.bytes;
        self.keep(id, Kept { schema: schema.clone(), bytes, used: self.uses, since: Instant::now() });
        schema.map_err(Trouble::Refused)
    }

    /// Those that were not used for the longest time make room.
    fn keep(&mut self, id: u32, kept: Kept) {
        self.kept.remove(&id);
        let mut bytes = kept.bytes + self.kept.values().map(|kept| kept.bytes).sum::<usize>();
        while bytes > MOST_KEPT_BYTES || self.kept.len() >= MOST_KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| *id);
            let Some(oldest) = oldest.and_then(|oldest| self.kept.remove(&oldest)) else { break };
            bytes -= oldest.bytes;
        }
        self.kept.insert(id, kept);
    }
}

/// A schema on its way, with all that it refers to.
struct Loading<'c> {
    client: &'c mut Client,
    until: Instant,
    bytes: usize,
    seen: HashSet<(String, u32)>,
    references: Vec<Reference>,
}

impl<'c> Loading<'c> {
    fn of(client: &'c mut Client) -> Self {
        let until = Instant::now() + PATIENCE;
        Self { client, until, bytes: 0, seen: HashSet::new(), references: Vec::new() }
    }

    fn schema(&mut self, id: u32) -> Result<Schema, Trouble> {
        // Registries count in signed numbers, and do not understand others.
        if i32::try_from(id).is_err() {
            return Err(Trouble::Refused("is no id of a schema".to_owned()));
        }
        let (kind, text, references) = self.ask(&["schemas", "ids", &id.to_string()])?;
        self.refer(references, 0)?;
        Schema::parse(kind.as_deref().unwrap_or("AVRO"), &text, &self.references)
    }

    /// What it refers to, depth first.
    fn refer(&mut self, references: Vec<RegisteredReference>, depth: usize) -> Result<(), Trouble> {
        for RegisteredReference { name, subject, version, .. } in references {
            if !self.seen.insert((subject.clone(), version)) {
                continue;
            }
            if self.seen.len() > MOST_REFERENCES || depth >= DEEPEST {
                return Err(Trouble::Refused("refers to too many others".to_owned()));
            }
            let (_, text, further) = self.ask(&["subjects", &subject, "versions", &version.to_string()])?;
            self.refer(further, depth + 1)?;
            self.references.push(Reference { name, text });
        }
        Ok(())
    }

    fn ask(&mut self, path: &[&str]) -> Result<(Option<String>, String, Vec<RegisteredReference>), Trouble> {
        if Instant::now() > self.until {
            let detail = "it did not come with all that it refers to within 30 seconds";
            return Err(Trouble::Away(detail.to_owned()));
        }
        let answer = self.client.ask(path)?;
        let text = answer.schema.unwrap_or_default();
        self.bytes += text.len();
        if self.bytes > LARGEST {
            return Err(Trouble::Refused(format!("has more than {LARGEST} bytes")));
        }
        Ok((answer.schema_type, text, answer.references.unwrap_or_default()))
    }
}
