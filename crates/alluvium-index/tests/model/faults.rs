//! The model catches us: each step of the claim, the guard, the commit and the rollback is made wrong once,
//! on purpose, and random sequences must find it.

use alluvium_index::Fault;

use super::run::find;

#[test]
fn every_fault_has_a_test() {
    assert_eq!(Fault::ALL.len(), TESTS);
}

/// A test a fault, so that they run side by side.
macro_rules! each {
    ($($name:ident: $fault:ident,)*) => {
        const TESTS: usize = [$(Fault::$fault),*].len();
        $(#[test]
        fn $name() {
            find(Fault::$fault);
        })*
    };
}

each! {
    a_claim_that_skips_the_restore: ClaimSkipsRestore,
    a_claim_that_skips_one_restore: ClaimSkipsOneRestore,
    a_guard_that_compares_one_version: GuardComparesOneVersion,
    a_guard_that_forgets_deletions: GuardForgetsDeletions,
    a_guard_that_forgets_erasures: GuardForgetsErasures,
    a_fold_that_takes_the_last: FoldTakesTheLast,
    chunks_that_are_appended: ChunksAreAppended,
    lists_that_are_not_copied: ListsAreNotCopied,
    documents_that_are_not_written: DocumentsAreNotWritten,
    policies_that_are_not_written: PoliciesAreNotWritten,
    a_quarantine_that_is_not_written: QuarantineIsNotWritten,
    an_answer_before_the_record: AcknowledgesBeforeRecord,
    a_record_that_forgets_progress: RecordForgetsProgress,
    a_tag_that_stays_behind: TagStaysBehind,
    a_search_that_trusts_copies: SearchTrustsCopies,
    maintenance_that_loses_progress: MaintenanceLosesProgress,
    a_rollback_that_forgets_policy: RollbackForgetsPolicy,
    a_rollback_that_keeps_progress: RollbackKeepsProgress,
    a_rollback_that_forgets_deletions: RollbackForgetsDeletions,
    a_rollback_that_keeps_holds: RollbackKeepsHolds,
}
