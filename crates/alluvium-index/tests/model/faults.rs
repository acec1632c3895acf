//! The model catches us: each step of the claim, the guard, the commit and the rollback is made wrong once,
//! on purpose, and random sequences must find it.

use alluvium_index::Fault;

use super::cases;
use super::run::{find, find_by};

#[test]
fn every_fault_has_a_test() {
    assert_eq!(Fault::ALL.len(), TESTS);
}

/// A test a fault, so that they run side by side: found by random sequences, or by one where those would
/// take too long.
macro_rules! each {
    ($($name:ident: $fault:ident $(by $case:ident)?,)*) => {
        const TESTS: usize = [$(Fault::$fault),*].len();
        $(#[test]
        fn $name() {
            each!(find $fault $($case)?);
        })*
    };
    (find $fault:ident) => { find(Fault::$fault) };
    (find $fault:ident $case:ident) => { find_by(Fault::$fault, &cases::$case()) };
}

each! {
    a_claim_that_skips_the_restore: ClaimSkipsRestore,
    a_claim_that_skips_one_restore: ClaimSkipsOneRestore by death_after_policy,
    a_guard_that_compares_one_version: GuardComparesOneVersion,
    a_guard_that_forgets_deletions: GuardForgetsDeletions by replay_after_deletion,
    a_guard_that_forgets_erasures: GuardForgetsErasures by news_of_the_erased,
    a_guard_that_keeps_what_is_unreadable: GuardKeepsUnreadable,
    a_fold_that_takes_the_last: FoldTakesTheLast,
    chunks_that_are_appended: ChunksAreAppended,
    lists_that_are_not_copied: ListsAreNotCopied,
    documents_that_are_not_written: DocumentsAreNotWritten,
    policies_that_are_not_written: PoliciesAreNotWritten,
    a_text_that_is_not_kept: TextIsNotKept,
    a_quarantine_that_is_not_written: QuarantineIsNotWritten by nothing_but_broken,
    an_answer_before_the_record: AcknowledgesBeforeRecord,
    a_record_that_forgets_progress: RecordForgetsProgress,
    a_tag_that_stays_behind: TagStaysBehind,
    a_search_that_trusts_copies: SearchTrustsCopies,
    maintenance_that_loses_progress: MaintenanceLosesProgress,
    a_rollback_that_forgets_policy: RollbackForgetsPolicy by rollback_after_revocation,
    a_rollback_that_keeps_progress: RollbackKeepsProgress by replay_after_deletion,
    a_rollback_that_forgets_deletions: RollbackForgetsDeletions by release_after_reburial,
    a_rollback_that_keeps_holds: RollbackKeepsHolds by released_by_another,
}
