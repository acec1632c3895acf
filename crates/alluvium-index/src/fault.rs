//! Deliberate defects of the claim and the commit, for tests only: the suite switches each on and proves
//! that it would be found. Without the feature `failpoints` none of this is compiled to anything.

use fail::fail_point;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A claim takes the tables as it finds them.
    ClaimSkipsRestore,
    /// A claim restores every table but one.
    ClaimSkipsOneRestore,
    /// The guard takes the version of one half for that of the other, too.
    GuardComparesOneVersion,
    /// The guard knows nothing of deletions.
    GuardForgetsDeletions,
    /// The guard knows nothing of erasures.
    GuardForgetsErasures,
    /// A list that can't be read leaves the one from before in force.
    GuardKeepsUnreadable,
    /// Of several changes of a document the last one wins, whatever its version.
    FoldTakesTheLast,
    /// New chunks come beside the old ones.
    ChunksAreAppended,
    /// An access list changes in `policy` only.
    ListsAreNotCopied,
    /// A commit leaves out a table.
    DocumentsAreNotWritten,
    /// Documents are without the text that their spans are of, which no search shows.
    TextIsNotKept,
    /// A commit leaves out a table.
    PoliciesAreNotWritten,
    /// A commit leaves out a table.
    QuarantineIsNotWritten,
    /// A commit is answered before its record is there, which then never comes.
    AcknowledgesBeforeRecord,
    /// A record does not say what progress it contains.
    RecordForgetsProgress,
    /// The tag that plain clients follow is not moved.
    TagStaysBehind,
    /// Hits are not checked against the policy of now.
    SearchTrustsCopies,
    /// Maintenance publishes a record without progress.
    MaintenanceLosesProgress,
    /// A rollback brings back content under the policy of then.
    RollbackForgetsPolicy,
    /// A rollback leaves the progress as it is.
    RollbackKeepsProgress,
    /// A document that was deleted in the record, and was made anew since, is not deleted again.
    RollbackForgetsDeletions,
    /// A rollback does not end what an earlier one held back.
    RollbackKeepsHolds,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::ClaimSkipsRestore,
        Self::ClaimSkipsOneRestore,
        Self::GuardComparesOneVersion,
        Self::GuardForgetsDeletions,
        Self::GuardForgetsErasures,
        Self::GuardKeepsUnreadable,
        Self::FoldTakesTheLast,
        Self::ChunksAreAppended,
        Self::ListsAreNotCopied,
        Self::DocumentsAreNotWritten,
        Self::TextIsNotKept,
        Self::PoliciesAreNotWritten,
        Self::QuarantineIsNotWritten,
        Self::AcknowledgesBeforeRecord,
        Self::RecordForgetsProgress,
        Self::TagStaysBehind,
        Self::SearchTrustsCopies,
        Self::MaintenanceLosesProgress,
        Self::RollbackForgetsPolicy,
        Self::RollbackKeepsProgress,
        Self::RollbackForgetsDeletions,
        Self::RollbackKeepsHolds,
    ];

    /// The failpoint that switches it on, by the action `return`.
    pub fn switch(self) -> String {
        format!("fault::{self:?}")
    }

    pub(crate) fn is_on(self) -> bool {
        fail_point!(&self.switch(), |_| true);
        false
    }
}
