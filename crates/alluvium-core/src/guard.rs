//! The two-halved guard: may this change be applied over what is known?
//!
//! Content and access have versions of their own and are judged alone, so that an access change that
//! overtakes queued content does not make the content look old, and a replayed old grant does not undo
//! a revocation. The outcome for one half, by the order of its versions:
//!
//! | change to known | same hash | other hash |
//! |---|---|---|
//! | older | stale | stale |
//! | equal | unchanged, or applied if another pipeline made it | conflict |
//! | newer | touch (the version moves), or applied | applied |
//! | no order | unchanged, or applied | applied |
//!
//! Content that is refused leaves what is served as it is, unless the source has nothing to say any more: then
//! it is withdrawn, and its version stands in the way of older ones as that of good content does.
//!
//! An erased id refuses everything. An access list that can't be read has a version, too, and no hash: over
//! an older list it hides the document, and gives way to a list of its own version.

use std::cmp::Ordering;

use crate::access::Acl;
use crate::change::AccessChange;
use crate::document::{DocumentState, KeptContent, Prepared, PreparedContent, RefusedContent};
use crate::hash::Sha256;
use crate::policy::Policy;
use crate::quarantine::{Cause, Refusal, Stage};
use crate::version::{Version, VersionKind};

/// What the index knows of a document when a change arrives.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Its content row.
    pub content: Option<KnownContent>,
    /// Its policy row.
    pub policy: Option<Policy>,
}

impl Known {
    /// Whether a change of one half comes too late to be worth a word: its document is erased, or known in
    /// a later version.
    pub fn is_beyond(&self, change: &Prepared) -> bool {
        let erased = self.policy.as_ref().is_some_and(Policy::is_erased);
        let content = change.content.version().and_then(|version| order_to_known(self, version));
        let access = change.access.version().zip(self.policy.as_ref());
        let access = access.and_then(|(version, policy)| version.order(&policy.acl_version));
        erased || content == Some(Ordering::Less) || access == Some(Ordering::Less)
    }
}

/// The content row, as far as the guard needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownContent {
    /// Its version.
    pub version: Version,
    /// Hash of its bytes.
    pub hash: Option<Sha256>,
    /// What processed it.
    pub pipeline_fingerprint: Sha256,
    /// Its state.
    pub state: DocumentState,
    /// Nothing is served since this version, because its source says nothing any more.
    pub withdrawn: bool,
}

/// The verdict on the content half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentVerdict {
    /// The change has no content half.
    Unsaid,
    /// Replace the document's chunks.
    Replace,
    /// Only its version moves.
    Touch,
    /// Remove its chunks.
    Delete,
    /// Quarantine the change; what is served stays.
    Refuse(Refusal),
    /// Quarantine the change, and serve nothing of the document any more.
    Withdraw(Refusal),
    /// Only what is said around its text changes.
    Describe,
    /// It is there already.
    Unchanged,
    /// A newer one is there.
    Stale,
    /// The id is erased.
    Erased,
}

/// The verdict on the access half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessVerdict {
    /// What is known stays.
    Keep,
    /// This list is in force now.
    Set {
        /// The list.
        acl: Acl,
        /// Its version.
        version: Version,
    },
    /// Nobody may read, and the refusal is quarantined.
    Hide {
        /// What can't be read.
        refusal: Refusal,
        /// Its version.
        version: Version,
    },
    /// Nothing is known and nothing was said: the change can't be applied.
    Missing,
    /// The change is refused, what is known stays.
    Refuse(Refusal),
}

/// Judges the content half.
pub fn judge_content(known: &Known, content: &PreparedContent) -> ContentVerdict {
    if known.policy.as_ref().is_some_and(Policy::is_erased) {
        return match content {
            PreparedContent::Unsaid => ContentVerdict::Unsaid,
            _ => ContentVerdict::Erased,
        };
    }
    match content {
        PreparedContent::Unsaid => ContentVerdict::Unsaid,
        PreparedContent::Deleted { version } => judge_delete(known, version),
        PreparedContent::Indexed(c) => {
            judge_upsert(known, &c.version, &c.content_hash, &c.pipeline_fingerprint)
        }
        PreparedContent::Refused(r) => judge_refused(known, r),
        PreparedContent::Kept(kept) => judge_kept(known, kept),
    }
}

fn judge_refused(known: &Known, refused: &RefusedContent) -> ContentVerdict {
    let order = order_to_known(known, &refused.version);
    let same_version = order == Some(Ordering::Equal);
    match known.content.as_ref().map(|content| (content.state, content)) {
        _ if order == Some(Ordering::Less) => ContentVerdict::Stale,
        _ if !refused.withdraws() => ContentVerdict::Refuse(refused.refusal.clone()),
        Some((DocumentState::Indexed, content)) if same_version && content.hash != refused.content_hash => {
            ContentVerdict::Refuse(conflict(Stage::Guard, &refused.version))
        }
        // Of what is gone only the deletion has this very version: this came before it.
        _ if is_buried(known, &refused.version) => ContentVerdict::Stale,
        _ => ContentVerdict::Withdraw(refused.refusal.clone()),
    }
}

/// Whether a document is gone that was deleted in this very version.
fn is_buried(known: &Known, version: &Version) -> bool {
    let content = known.content.as_ref();
    if content.is_some_and(|content| content.state == DocumentState::Indexed) {
        return false;
    }
    let row =
        content.filter(|content| content.state == DocumentState::Deleted).map(|content| &content.version);
    let tombstone = known.policy.as_ref().and_then(|policy| policy.deleted.as_ref()).map(|t| &t.version);
    [row, tombstone].into_iter().flatten().any(|deleted| version.order(deleted) == Some(Ordering::Equal))
}

/// A text that is left as it was has to be there.
fn judge_kept(known: &Known, kept: &KeptContent) -> ContentVerdict {
    let indexed = known.content.as_ref().is_some_and(|content| content.state == DocumentState::Indexed);
    match order_to_known(known, &kept.version) {
        Some(Ordering::Less) => ContentVerdict::Stale,
        _ if indexed => ContentVerdict::Describe,
        _ => ContentVerdict::Refuse(kept.refusal()),
    }
}

fn judge_upsert(known: &Known, version: &Version, hash: &Sha256, pipeline: &Sha256) -> ContentVerdict {
    let order = order_to_known(known, version);
    if order == Some(Ordering::Less) {
        return ContentVerdict::Stale;
    }
    let Some(content) = known.content.as_ref().filter(|c| c.state == DocumentState::Indexed) else {
        // Of what is gone only the deletion has this very version: the upsert came before it.
        return if is_buried(known, version) { ContentVerdict::Stale } else { ContentVerdict::Replace };
    };
    let same = content.hash.as_ref() == Some(hash);
    match order {
        Some(Ordering::Equal) if !same => ContentVerdict::Refuse(conflict(Stage::Guard, version)),
        _ if !same || content.pipeline_fingerprint != *pipeline => ContentVerdict::Replace,
        Some(Ordering::Greater) => ContentVerdict::Touch,
        _ => ContentVerdict::Unchanged,
    }
}

fn judge_delete(known: &Known, version: &Version) -> ContentVerdict {
    match (order_to_known(known, version), known.content.as_ref().map(|c| c.state)) {
        (Some(Ordering::Less), _) => ContentVerdict::Stale,
        (Some(Ordering::Equal), Some(DocumentState::Deleted)) => ContentVerdict::Unchanged,
        (None, Some(DocumentState::Deleted)) => ContentVerdict::Unchanged,
        _ => ContentVerdict::Delete,
    }
}

/// The order of `version` to the newest that is known: the content's, or that of its deletion. What was
/// there at an erasure is older than anything that is taken again.
fn order_to_known(known: &Known, version: &Version) -> Option<Ordering> {
    // A version that was refused is not there, so it stands in the way of no older one.
    let content = known.content.as_ref().filter(|c| c.state != DocumentState::Quarantined || c.withdrawn);
    let content = content.map(|c| &c.version);
    let deleted = known.policy.as_ref().and_then(|p| p.deleted.as_ref()).map(|t| &t.version);
    let erased = known.policy.as_ref().and_then(|p| p.erased.as_ref()).map(|e| &e.version);
    let gone = erased.is_some_and(|e| matches!(version.order(e), Some(Ordering::Less | Ordering::Equal)));
    let orders = [content, deleted].into_iter().flatten().filter_map(|k| version.order(k));
    if gone { Some(Ordering::Less) } else { orders.min() }
}

/// Judges the access half.
pub fn judge_access(known: &Known, access: &AccessChange) -> AccessVerdict {
    let policy = known.policy.as_ref();
    match (access, policy) {
        (AccessChange::Unsaid { .. }, Some(_)) => AccessVerdict::Keep,
        (AccessChange::Unsaid { default: Some(acl) }, None) => {
            AccessVerdict::Set { acl: acl.clone(), version: Version::observed() }
        }
        (AccessChange::Unsaid { default: None }, None) => AccessVerdict::Missing,
        (AccessChange::Unreadable { version, .. }, Some(policy)) if is_readable_at(policy, version) => {
            AccessVerdict::Keep
        }
        (AccessChange::Unreadable { version, refusal }, _) => {
            AccessVerdict::Hide { refusal: refusal.clone(), version: version.clone() }
        }
        (AccessChange::Declared { version, acl }, None) => {
            AccessVerdict::Set { acl: acl.clone(), version: version.clone() }
        }
        (AccessChange::Declared { version, acl }, Some(policy)) => judge_declared(policy, version, acl),
    }
}

/// Whether what is known makes up for a list of this version that can't be read.
fn is_readable_at(policy: &Policy, version: &Version) -> bool {
    match version.order(&policy.acl_version) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => !policy.acl_unreadable,
        _ => false,
    }
}

fn judge_declared(policy: &Policy, version: &Version, acl: &Acl) -> AccessVerdict {
    let same = policy.acl == *acl && !policy.acl_unreadable;
    match version.order(&policy.acl_version) {
        Some(Ordering::Less) => AccessVerdict::Keep,
        Some(Ordering::Equal) if same => AccessVerdict::Keep,
        Some(Ordering::Equal) if !policy.acl_unreadable => {
            AccessVerdict::Refuse(conflict(Stage::Access, version))
        }
        // The same list under a first version is more than is known: an older one must not look new after it.
        None if same && version.kind == VersionKind::Observed => AccessVerdict::Keep,
        _ => AccessVerdict::Set { acl: acl.clone(), version: version.clone() },
    }
}

/// The same version over something else. The stage says of which half, and so what mends it.
pub(crate) fn conflict(stage: Stage, version: &Version) -> Refusal {
    let detail = format!("version {} is there already with another hash", version.value);
    Refusal::new(stage, Cause::VersionConflict, detail)
}

#[cfg(test)]
mod tests;
