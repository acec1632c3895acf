//! The sources against the index: each folder is scanned as a backfill would, every file is read and
//! hashed, and nothing of it is processed.
//!
//! The scan is told what the index serves, without the stamps that would let it skip a file, and of one
//! pipeline, so that a document which another version of the pipeline processed is not taken for changed.
//! What it would change is what differs.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use alluvium_config::{PipelineSpec, SourceKind, SourceSpec};
use alluvium_connect::filesystem::Reprocess;
use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::hash::Sha256;
use alluvium_core::source::{Room, SourceError};
use alluvium_index::{HeldDocument, Index};
use alluvium_runtime::{Progress, RunError};

use super::{Found, snapshot};
use crate::compose::{self, Start, at_index, open_index};
use crate::failure::Failure;
use crate::progress::Shown;
use crate::results::SourceChecked;
use crate::warnings::Kept;

/// What is read at a time.
const ROOM: Room = Room { bytes: 64 << 20, changes: 256 };

/// Compares every source of the pipeline, and names those that can't be.
pub(super) async fn compare(
    spec: &PipelineSpec,
    file: &Path,
    found: &mut Found,
) -> Result<Vec<SourceChecked>, Failure> {
    let index = match open_index(spec, file).await {
        Ok(index) => index,
        // What is wrong with it is found already.
        Err(failure) => {
            let names = spec.sources.iter().map(|source| source.name.written());
            return Ok(names.map(|name| skipped(name, failure.message())).collect());
        }
    };
    let mut checked = Vec::new();
    for source in &spec.sources {
        checked.push(match &source.kind {
            SourceKind::Filesystem(_) => folder(spec, source, &index, found).await?,
            SourceKind::Jsonl(_) | SourceKind::Kafka(_) => {
                skipped(source.name.written(), "a source of events can't be compared: it is read once")
            }
        });
    }
    for name in index.source_names().await.map_err(|e| at_index(spec, e))? {
        if spec.source(&name).is_none() {
            checked.push(skipped(&name, "it is not in the pipeline file, the index has documents of it"));
        }
    }
    Ok(checked)
}

fn skipped(name: &str, why: &str) -> SourceChecked {
    SourceChecked { name: name.to_owned(), note: Some(why.to_owned()), ..SourceChecked::default() }
}

async fn folder(
    spec: &PipelineSpec,
    source: &SourceSpec,
    index: &Index,
    found: &mut Found,
) -> Result<SourceChecked, Failure> {
    let held = index.held(source.name.expose()).await.map_err(|e| at_index(spec, e))?;
    let mut compared = Compared::of(source, held);
    match compared.scan(spec, source, found).await {
        Ok(()) => Ok(compared.checked),
        Err(RunError::Source(
            SourceError::Broken { message, .. } | SourceError::Unavailable { message, .. },
        )) => {
            found.add("source_unreadable", source.name.written(), &message);
            Ok(skipped(source.name.written(), &message))
        }
        Err(error) => Err(error.into()),
    }
}

/// A comparison under way.
struct Compared {
    held: HashMap<String, HeldDocument>,
    checked: SourceChecked,
}

impl Compared {
    fn of(source: &SourceSpec, held: HashMap<String, HeldDocument>) -> Self {
        let erased = held.values().filter_map(|document| document.row.as_ref()).filter(|row| row.erased);
        let erased = erased.count() as u64;
        let name = source.name.written().to_owned();
        Self { held, checked: SourceChecked { name, compared: true, erased, ..SourceChecked::default() } }
    }

    async fn scan(
        &mut self,
        pipeline: &PipelineSpec,
        spec: &SourceSpec,
        found: &mut Found,
    ) -> Result<(), RunError> {
        let (apart, kept) = (compose::ours(pipeline), Arc::new(Kept::of(spec)));
        let pipeline = Sha256::of("verify");
        let told = |(id, document): (&String, &HeldDocument)| {
            let row = document.row.clone()?;
            let pipeline_fingerprint = pipeline.clone();
            Some((id.clone(), KnownDocument { pipeline_fingerprint, stamp: None, ..row }))
        };
        let start = Start {
            known: self.held.iter().filter_map(told).collect(),
            positions: BTreeMap::new(),
            again: Vec::new(),
            fingerprint: pipeline.clone(),
            reprocess: Reprocess::Changed,
            allow_deletes: true,
            apart,
            notices: kept.clone(),
        };
        let mut source = compose::source(spec, start)?;
        let shown = Shown::looking();
        let mut complete = false;
        while let Some(batch) = source.next(ROOM).await? {
            self.checked.documents += batch.seen;
            complete |= batch.deltas.iter().any(|delta| delta.watermark.is_some());
            for change in &batch.changes {
                self.judge(change, found);
            }
            shown.update(&snapshot(self.checked.documents, source.expected()));
        }
        // Patterns that match nothing are no difference between source and index.
        for warning in kept.take().into_iter().filter(|warning| warning.code == "unused_access_list") {
            let subject = format!("{}/{}", warning.source, warning.subject);
            found.add("unused_access_list", subject, format!("{}; {}", warning.message, warning.next));
        }
        if !complete {
            self.checked.note = Some("a part of it could not be listed, see the log".to_owned());
        }
        Ok(())
    }

    /// Judges a change that a backfill would make.
    fn judge(&mut self, change: &DocumentChange, found: &mut Found) {
        let id = &change.doc_id;
        let held = self.held.get(id.local());
        let row = held.and_then(|document| document.row.as_ref());
        let served = row.filter(|row| row.state == DocumentState::Indexed);
        let deleted = matches!(change.content, Some(ContentChange::Delete { .. }));
        if let Some(content) = change.content.as_ref().filter(|_| served.is_some() || !deleted) {
            match excuse(content, held, served.is_some()) {
                Some(Excuse::HeldBack) => self.checked.held_back += 1,
                Some(Excuse::Quarantined) => self.checked.quarantined += 1,
                None => {
                    let (check, detail) = difference(content, served.is_some());
                    found.add(check, id, detail);
                }
            }
        }
        if let Some(detail) = served.filter(|_| !deleted).and_then(|row| other_list(&change.access, row)) {
            found.add("wrong_access", id, detail);
        }
    }
}

/// Why a difference is as it should be.
enum Excuse {
    HeldBack,
    Quarantined,
}

/// A change that stands in the way of this very content, or that a person wants to be tried again.
fn excuse(content: &ContentChange, held: Option<&HeldDocument>, served: bool) -> Option<Excuse> {
    let hash = match content {
        ContentChange::Upsert(upsert) => Some(&upsert.hash),
        ContentChange::Delete { .. } | ContentChange::Refused { .. } | ContentChange::Prepared(_) => None,
    };
    let deletion = matches!(content, ContentChange::Delete { .. });
    let standing = held?.standing.iter().find(|standing| {
        let same = standing.content_hash.as_ref() == hash;
        // A refused deletion is only ever a rollback's.
        if deletion {
            same && standing.rolled_back
        } else {
            // What a person does without is no reason to serve what the source does not hold any more.
            standing.again || (same && !(served && standing.dropped))
        }
    })?;
    Some(if standing.rolled_back { Excuse::HeldBack } else { Excuse::Quarantined })
}

fn difference(content: &ContentChange, served: bool) -> (&'static str, String) {
    match content {
        ContentChange::Delete { .. } => ("ghost", "the index has it, the source does not".to_owned()),
        ContentChange::Refused { refusal, .. } if served => {
            ("stale", format!("its source can't give it: {refusal}"))
        }
        ContentChange::Refused { refusal, .. } => ("missing", format!("its source can't give it: {refusal}")),
        ContentChange::Upsert(_) | ContentChange::Prepared(_) if served => {
            ("stale", "the source has other content than the index".to_owned())
        }
        ContentChange::Upsert(_) | ContentChange::Prepared(_) => {
            ("missing", "the source has it, the index does not".to_owned())
        }
    }
}

/// How the policy differs from what the source says now.
fn other_list(access: &AccessChange, row: &KnownDocument) -> Option<String> {
    let (wanted, why) = match access {
        AccessChange::Declared { acl, .. } => {
            (acl.hash(), "the source declares another access list".to_owned())
        }
        AccessChange::Unreadable { refusal, .. } => {
            (Acl::nobody().hash(), format!("nobody may read it: {refusal}"))
        }
        AccessChange::Unsaid { .. } => return None,
    };
    (row.acl_hash.as_ref() != Some(&wanted)).then_some(why)
}
