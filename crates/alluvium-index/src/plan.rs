//! From changes and what is known of their documents to the rows of one commit: a pure function.
//!
//! Invariants of a plan:
//! - each document appears at most once in each list, so that a commit replaces its rows once;
//! - chunks of a document are written only with the access list that its policy holds after the plan;
//! - a refusal leaves chunks as they are, unless the source has nothing to say any more, and always leaves a
//!   quarantine row;
//! - an empty plan means that there is nothing to publish.

use std::cmp::Ordering;
use std::collections::HashMap;

use alluvium_core::access::Acl;
use alluvium_core::change::AccessChange;
use alluvium_core::commit::CountsBySource;
use alluvium_core::document::{DocumentState, Prepared, PreparedContent};
use alluvium_core::fold::Folded;
use alluvium_core::guard::{AccessVerdict, ContentVerdict, Known, KnownContent, judge_access, judge_content};
use alluvium_core::id::DocId;
use alluvium_core::policy::{Policy, Tombstone};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::version::{Version, VersionKind};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fault::Fault;
use crate::rows::{self, ChunkRow, DocumentRow, PolicyRow, QuarantineRow};

mod build;
#[cfg(test)]
mod tests;

/// What all rows of one commit share.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The sequence number that will publish the plan.
    pub(crate) seq: u64,
    /// Now, in microseconds.
    pub(crate) now: i64,
    /// The pipeline's name.
    pub(crate) pipeline: String,
    /// The model's name and revision.
    pub(crate) model: String,
}

/// The columns of `documents` that decisions need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DocumentFacts {
    pub(crate) doc_id: String,
    pub(crate) uri: String,
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) content_hash: Option<String>,
    pub(crate) pipeline_fingerprint: String,
    pub(crate) text_hash: Option<String>,
    pub(crate) state: String,
    pub(crate) metadata: Vec<String>,
}

impl DocumentFacts {
    /// The names of these columns.
    pub(crate) const COLUMNS: [&str; 9] = [
        "doc_id",
        "uri",
        "title",
        "version",
        "content_hash",
        "pipeline_fingerprint",
        "text_hash",
        "state",
        "metadata",
    ];

    /// Whether its source said that there is nothing to say any more: the row holds the text of that.
    fn is_withdrawn(&self) -> bool {
        rows::is_withdrawn(&self.state, self.text_hash.as_deref())
    }
}

/// What is said around the text of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) title: String,
    pub(crate) uri: String,
    pub(crate) metadata: Vec<String>,
}

/// What the index holds of one document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) document: Option<DocumentFacts>,
    pub(crate) policy: Option<PolicyRow>,
    /// Its quarantine items that are not resolved, or that a person dropped.
    pub(crate) open: Vec<QuarantineRow>,
}

impl Facts {
    /// The facts as the guard takes them.
    fn known(&self) -> Result<Known> {
        let content = match &self.document {
            None => None,
            Some(d) => Some(KnownContent {
                version: rows::version("documents", &d.version)?,
                hash: d.content_hash.as_deref().map(|h| rows::hash("documents", h)).transpose()?,
                pipeline_fingerprint: rows::hash("documents", &d.pipeline_fingerprint)?,
                state: rows::state("documents", &d.state)?,
                withdrawn: d.is_withdrawn(),
            }),
        };
        let policy = self.policy.as_ref().map(PolicyRow::policy).transpose()?;
        Ok(seeded(Known { content, policy }))
    }
}

/// What is known, but for what tests seed.
fn seeded(mut known: Known) -> Known {
    if let Some(policy) = &mut known.policy {
        if Fault::GuardForgetsDeletions.is_on() {
            policy.deleted = None;
        }
        if Fault::GuardForgetsErasures.is_on() {
            policy.erased = None;
        }
        if let Some(content) = known.content.as_ref().filter(|_| Fault::GuardComparesOneVersion.is_on()) {
            policy.acl_version = content.version.clone();
        }
    }
    known
}

/// The rows of one commit.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Documents whose chunk rows go.
    pub(crate) remove: Vec<String>,
    /// Chunk rows that come.
    pub(crate) chunks: Vec<ChunkRow>,
    /// Documents whose chunk rows are moved under another access list.
    pub(crate) relist: Vec<(String, Acl)>,
    /// Documents of which only what is said around their text changes.
    pub(crate) describe: Vec<(String, Described)>,
    /// Document rows that come, replacing those of their ids.
    pub(crate) documents: Vec<DocumentRow>,
    /// Documents of which only the version moves.
    pub(crate) touch: Vec<(String, Version)>,
    /// Policy rows that come, replacing those of their ids.
    pub(crate) policies: Vec<PolicyRow>,
    /// Quarantine rows that come, replacing those of their ids.
    pub(crate) quarantine: Vec<QuarantineRow>,
    /// What the plan does, counted.
    pub(crate) counts: CountsBySource,
}

impl Plan {
    /// Whether the plan changes anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty()
            && self.chunks.is_empty()
            && self.relist.is_empty()
            && self.describe.is_empty()
            && self.documents.is_empty()
            && self.touch.is_empty()
            && self.policies.is_empty()
            && self.quarantine.is_empty()
    }
}

impl Plan {
    /// Quarantines a change. One that comes twice in a batch is one item.
    fn refuse(&mut self, row: QuarantineRow) {
        match self.quarantine.iter_mut().find(|known| known.id == row.id) {
            Some(known) => *known = row,
            None => self.quarantine.push(row),
        }
    }

    /// Counts what became of one change. Counts are disjoint: each change has one outcome.
    fn count(&mut self, document: &DocId, outcome: Outcome) {
        let counts = self.counts.of(document);
        match outcome {
            Outcome::Indexed => counts.indexed += 1,
            Outcome::Access => counts.access += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Deleted => counts.deleted += 1,
            Outcome::Quarantined => counts.quarantined += 1,
            Outcome::Nothing => {}
        }
    }
}

/// What became of a change, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Its content is served.
    Indexed,
    /// Only the access list changed.
    Access,
    /// It is there already, or something newer is.
    Unchanged,
    /// The document is gone.
    Deleted,
    /// Something of it was refused. A document that is kept and served to nobody is this and nothing else.
    Quarantined,
    /// A deletion of what is gone already: nothing was looked at.
    Nothing,
}

/// Plans folded changes over the facts of their documents.
pub(crate) fn plan(folded: Folded, facts: &HashMap<String, Facts>, context: &Context) -> Result<Plan> {
    let mut plan = Plan::default();
    let nothing = Facts::default();
    // Before the changes, which may mend what is refused beside others.
    for (change, refusal) in &folded.refused {
        let facts = facts.get(change.doc_id.as_str()).unwrap_or(&nothing);
        if !facts.known()?.is_beyond(change) {
            plan.refuse(build::quarantine_row(change, refusal, facts, context));
            plan.count(&change.doc_id, Outcome::Quarantined);
        } else {
            plan.count(&change.doc_id, Outcome::Unchanged);
        }
    }
    for document in &folded.superseded {
        plan.count(document, Outcome::Unchanged);
    }
    for change in folded.changes {
        let id = change.doc_id.as_str();
        let facts = facts.get(id).unwrap_or(&nothing);
        Planner { plan: &mut plan, context, facts, known: facts.known()? }.change(change)?;
    }
    Ok(plan)
}

/// Plans one change.
struct Planner<'a> {
    plan: &'a mut Plan,
    context: &'a Context,
    facts: &'a Facts,
    known: Known,
}

impl Planner<'_> {
    fn change(mut self, change: Prepared) -> Result<()> {
        if self.deletes_a_stranger(&change) {
            return Ok(());
        }
        let access = judge_access(&self.known, &change.access);
        let content = self.judge_with_access(&change, &access);
        let policy = self.policy_after(&change, &content, &access);
        let is_refused = self.refusals(&change, &content, &access);
        self.policy(&change, policy.as_ref());
        let acl = policy.map_or_else(Acl::nobody, |p| p.acl);
        let outcome = self.content(&change, content, &acl);
        self.plan.count(&change.doc_id, if is_refused { Outcome::Quarantined } else { outcome });
        Ok(())
    }

    /// The deletion of a file that was never seen leaves no trace. That of an event does: the upsert that
    /// it overtook may still come, and its version must be refused then.
    fn deletes_a_stranger(&self, change: &Prepared) -> bool {
        let observed = matches!(&change.content,
            PreparedContent::Deleted { version } if version.kind == VersionKind::Observed);
        observed && self.known.content.is_none()
    }

    /// A document that has no access list is not served, and its content is refused for that. One whose list
    /// can't be read is indexed for nobody: the list alone mends it, whether it was broken before the content
    /// came or after.
    fn judge_with_access(&self, change: &Prepared, access: &AccessVerdict) -> ContentVerdict {
        let verdict = judge_content(&self.known, &change.content);
        match (verdict, access) {
            (ContentVerdict::Replace, AccessVerdict::Missing) => {
                let detail = "the change names no access list and the source declares no default_acl";
                ContentVerdict::Refuse(Refusal::new(Stage::Access, Cause::NoAccessList, detail))
            }
            (ContentVerdict::Describe, _) if self.newer_content_waits() => match &change.content {
                PreparedContent::Kept(kept) => ContentVerdict::Refuse(kept.refusal()),
                _ => ContentVerdict::Describe,
            },
            (verdict, _) => verdict,
        }
    }

    /// Whether content that the source holds now is refused, so that what is served is an older text: what is
    /// said around the newer one is not said of it.
    fn newer_content_waits(&self) -> bool {
        self.facts.open.iter().any(|item| rows::is_of_newer_content(&item.stage, &item.cause))
    }

    fn policy_after(
        &self,
        change: &Prepared,
        content: &ContentVerdict,
        access: &AccessVerdict,
    ) -> Option<Policy> {
        let mut policy = self.known.policy.clone();
        obey(&mut policy, access);
        // A tombstone needs a row. A refusal does not: without one nobody may read either, and the source's
        // default can still be taken once there is one.
        if *access == AccessVerdict::Missing && *content == ContentVerdict::Delete {
            set_acl(&mut policy, Acl::nobody(), Version::observed());
        }
        if let Some(policy) = &mut policy {
            match (content, &change.content) {
                (ContentVerdict::Replace, _) => policy.deleted = None,
                (ContentVerdict::Delete, PreparedContent::Deleted { version }) => {
                    policy.deleted = Some(Tombstone { seq: self.context.seq, version: version.clone() });
                }
                (ContentVerdict::Withdraw(_), PreparedContent::Refused(refused)) => {
                    let deletion = refused.deleted.clone();
                    let deletion = deletion.filter(|version| {
                        let deletion = PreparedContent::Deleted { version: version.clone() };
                        judge_content(&self.known, &deletion) == ContentVerdict::Delete
                    });
                    if let Some(version) = deletion {
                        policy.deleted = Some(Tombstone { seq: self.context.seq, version });
                    }
                }
                _ => {}
            }
        }
        policy
    }

    /// Quarantines what is refused of the change, resolves what it mends, and says whether anything was refused.
    fn refusals(&mut self, change: &Prepared, content: &ContentVerdict, access: &AccessVerdict) -> bool {
        let content_refusal = match content {
            ContentVerdict::Refuse(refusal) | ContentVerdict::Withdraw(refusal) => Some(refusal),
            _ => None,
        };
        let access_refusal = match access {
            AccessVerdict::Hide { refusal: r, .. } | AccessVerdict::Refuse(r) => {
                Some(r).filter(|r| Some(*r) != content_refusal)
            }
            _ => None,
        };
        for refusal in content_refusal.into_iter().chain(access_refusal) {
            let row = build::quarantine_row(change, refusal, self.facts, self.context);
            self.plan.refuse(row);
        }
        self.resolve(change, content, access);
        content_refusal.is_some() || access_refusal.is_some()
    }

    /// Items that this change mends are resolved: those of content by content, those of access by
    /// access, all by a deletion.
    fn resolve(&mut self, change: &Prepared, content: &ContentVerdict, access: &AccessVerdict) {
        use ContentVerdict::{Delete, Replace, Touch, Unchanged};
        let deleted = *content == Delete;
        let content_good = deleted || matches!(content, Replace | Touch | Unchanged);
        // An older list says nothing of what is wrong now; the one that is in force does.
        let policy = self.known.policy.as_ref();
        let in_force = matches!(&change.access,
            AccessChange::Declared { acl, .. }
                if policy.is_some_and(|policy| policy.acl == *acl && !policy.acl_unreadable));
        let access_good = deleted
            || matches!(access, AccessVerdict::Set { .. })
            || (in_force && *access == AccessVerdict::Keep);
        let access_stage = Stage::Access.to_string();
        let listed_since = |open: &QuarantineRow| {
            let wanted = open.cause == Cause::NoAccessList.to_string();
            wanted && *content == Replace && *access == AccessVerdict::Keep
        };
        for open in &self.facts.open {
            let mended = match open.stage == access_stage {
                // A list alone does not bring back content that was refused for want of it.
                true => {
                    let has_content = content_good || self.has_chunks() || open.content_hash.is_none();
                    listed_since(open) || (access_good && has_content)
                }
                false => content_good && !is_older(&change.content, open),
            };
            let again = self.plan.quarantine.iter().any(|q| q.id == open.id);
            if mended && !again {
                let (resolved_at, resolved_seq) =
                    (Some(self.context.now), Some(rows::seq_i64(self.context.seq)));
                let (dropped, retry_seq) = (false, None);
                self.plan.quarantine.push(QuarantineRow {
                    resolved_at,
                    resolved_seq,
                    dropped,
                    retry_seq,
                    ..open.clone()
                });
            }
        }
    }

    fn policy(&mut self, change: &Prepared, policy: Option<&Policy>) {
        if let Some(policy) = policy.filter(|p| Some(*p) != self.known.policy.as_ref()) {
            let (id, source) = (change.doc_id.as_str(), change.doc_id.source());
            self.plan.policies.push(PolicyRow::of(id, source, policy, self.context.seq, self.context.now));
        }
    }

    fn content(&mut self, change: &Prepared, verdict: ContentVerdict, acl: &Acl) -> Outcome {
        let id = change.doc_id.as_str().to_owned();
        match verdict {
            ContentVerdict::Replace => {
                self.replace(change, acl);
                Outcome::Indexed
            }
            ContentVerdict::Delete => {
                self.delete(change);
                Outcome::Deleted
            }
            ContentVerdict::Touch => {
                if let PreparedContent::Indexed(content) = &change.content {
                    self.plan.touch.push((id.clone(), content.version.clone()));
                }
                self.relist(id, acl);
                Outcome::Unchanged
            }
            ContentVerdict::Refuse(_) => {
                self.refused(change);
                self.relist(id, acl);
                Outcome::Quarantined
            }
            ContentVerdict::Withdraw(_) => {
                self.withdraw(change);
                Outcome::Quarantined
            }
            ContentVerdict::Describe => {
                let described = self.describe(change);
                let relisted = self.relist(id, acl);
                match (described, relisted) {
                    (true, _) => Outcome::Indexed,
                    (false, true) => Outcome::Access,
                    (false, false) => Outcome::Unchanged,
                }
            }
            ContentVerdict::Unsaid => {
                if self.relist(id, acl) {
                    Outcome::Access
                } else {
                    Outcome::Unchanged
                }
            }
            ContentVerdict::Unchanged | ContentVerdict::Stale | ContentVerdict::Erased => {
                self.relist(id, acl);
                let is_deletion = matches!(change.content, PreparedContent::Deleted { .. });
                if is_deletion { Outcome::Nothing } else { Outcome::Unchanged }
            }
        }
    }

    fn replace(&mut self, change: &Prepared, acl: &Acl) {
        let PreparedContent::Indexed(content) = &change.content else { return };
        let id = change.doc_id.as_str();
        if self.has_chunks() {
            self.plan.remove.push(id.to_owned());
        }
        let chunks = build::chunk_rows(change, content, acl, self.context);
        self.plan.documents.push(build::indexed_row(change, content, self.context));
        let reused = content.chunks.iter().filter(|c| c.reused).count() as u64;
        let words_only = content.chunks.iter().filter(|c| c.chunk.is_words_only()).count() as u64;
        let counts = self.plan.counts.of(&change.doc_id);
        counts.chunks_written += chunks.len() as u64;
        counts.chunks_reused += reused;
        counts.chunks_words_only += words_only;
        counts.chunks_embedded += (chunks.len() as u64).saturating_sub(reused + words_only);
        self.plan.chunks.extend(chunks);
    }

    fn delete(&mut self, change: &Prepared) {
        let PreparedContent::Deleted { version } = &change.content else { return };
        if self.has_chunks() {
            self.plan.remove.push(change.doc_id.as_str().to_owned());
        }
        self.plan.documents.push(build::deleted_row(change, version, self.facts, self.context));
    }

    /// The last good version stays in service; an id without one gets a row that says so.
    fn refused(&mut self, change: &Prepared) {
        let withdrawn = self.known.content.as_ref().is_some_and(|content| content.withdrawn);
        if !self.has_chunks() && !withdrawn {
            self.plan.documents.push(build::refused_row(change, self.context));
        }
    }

    /// Nothing of the document is served from now on.
    fn withdraw(&mut self, change: &Prepared) {
        if self.has_chunks() {
            self.plan.remove.push(change.doc_id.as_str().to_owned());
        }
        self.plan.documents.push(build::withdrawn_row(change, self.context));
    }

    /// Says anew what is said around the document's text, if that changes.
    fn describe(&mut self, change: &Prepared) -> bool {
        let (PreparedContent::Kept(kept), Some(known)) = (&change.content, &self.facts.document) else {
            return false;
        };
        let before = Described {
            title: known.title.clone(),
            uri: known.uri.clone(),
            metadata: known.metadata.clone(),
        };
        let after = Described {
            title: kept.title.clone().unwrap_or_else(|| before.title.clone()),
            uri: kept.uri.clone().unwrap_or_else(|| before.uri.clone()),
            metadata: kept.metadata_over(&before.metadata),
        };
        let changed = after != before;
        if changed {
            self.plan.describe.push((change.doc_id.as_str().to_owned(), after));
        }
        changed
    }

    /// Moves the document's chunks under `acl` if that is another list than they have.
    fn relist(&mut self, id: String, acl: &Acl) -> bool {
        let changed = self.known.policy.as_ref().is_none_or(|p| p.acl != *acl);
        if changed && self.has_chunks() {
            self.plan.relist.push((id, acl.clone()));
        }
        changed
    }

    fn has_chunks(&self) -> bool {
        self.known.content.as_ref().is_some_and(|c| c.state == DocumentState::Indexed)
    }
}

/// Whether content is of an older version than the one that an item refused: that one is still missing.
fn is_older(content: &PreparedContent, item: &QuarantineRow) -> bool {
    let refused = rows::version("quarantine", &item.version).ok();
    let version = content.version();
    version.zip(refused).is_some_and(|(version, refused)| version.order(&refused) == Some(Ordering::Less))
}

/// Does to the policy what a verdict over an access list says.
fn obey(policy: &mut Option<Policy>, access: &AccessVerdict) {
    match access {
        AccessVerdict::Set { acl, version } => set_acl(policy, acl.clone(), version.clone()),
        AccessVerdict::Hide { version, .. } if !Fault::GuardKeepsUnreadable.is_on() => {
            // A file's list has no version, and must not make what an event said look old.
            let known = policy.as_ref().map(|p| &p.acl_version);
            let is_observed = version.kind == VersionKind::Observed;
            let version = known.filter(|_| is_observed).unwrap_or(version);
            set_acl(policy, Acl::nobody(), version.clone());
            if let Some(policy) = policy {
                // The grant that it hides, come again, is no list of its own version.
                policy.acl_unreadable = !is_observed;
            }
        }
        _ => {}
    }
}

fn set_acl(policy: &mut Option<Policy>, acl: Acl, acl_version: Version) {
    match policy {
        Some(policy) => {
            (policy.acl, policy.acl_version, policy.acl_unreadable) = (acl, acl_version, false);
        }
        None => *policy = Some(Policy::new(acl, acl_version)),
    }
}
