//! What is behind an error of Lance, however deep it is wrapped.

use std::error::Error;

/// An error and what caused it.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The errors of Lance among them; one that is shared says of itself only that.
fn of_lance<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e lance::Error> {
    chain(error).filter_map(|error| error.downcast_ref()).map(lance::Error::find_root)
}

/// Whether somebody else has written meanwhile.
pub(super) fn conflicts(error: &(dyn Error + 'static)) -> bool {
    use lance::Error::{
        CommitConflict, DatasetAlreadyExists, IncompatibleTransaction, RetryableCommitConflict,
        TooMuchWriteContention,
    };
    of_lance(error).any(|error| {
        matches!(
            error,
            CommitConflict { .. }
                | DatasetAlreadyExists { .. }
                | IncompatibleTransaction { .. }
                | RetryableCommitConflict { .. }
                | TooMuchWriteContention { .. }
        )
    })
}

/// Whether something that has to be there is not, or is not what was written.
pub(super) fn damaged(error: &(dyn Error + 'static)) -> bool {
    use lance::Error::{CorruptFile, DatasetNotFound, NotFound, VersionNotFound};
    let gone = |error: &lance::Error| {
        matches!(
            error,
            CorruptFile { .. } | DatasetNotFound { .. } | NotFound { .. } | VersionNotFound { .. }
        )
    };
    let ended = |error: &std::io::Error| error.kind() == std::io::ErrorKind::UnexpectedEof;
    // Small files are read whole, and what is asked of them is cut from memory: there a cut fails only
    // where the file is shorter than it was.
    let missing = |error: &object_store::Error| {
        matches!(
            error,
            object_store::Error::NotFound { .. } | object_store::Error::Generic { store: "memory", .. }
        )
    };
    of_lance(error).any(gone)
        || chain(error)
            .any(|error| error.downcast_ref().is_some_and(missing) || error.downcast_ref().is_some_and(ended))
}

/// Whether the system itself refused, for a reason that may pass: no rights, no room, a broken disk.
pub(crate) fn by_the_system(error: &(dyn Error + 'static)) -> bool {
    let refused = |e: &std::io::Error| e.raw_os_error().is_some() && e.kind() != std::io::ErrorKind::NotFound;
    chain(error).any(|error| error.downcast_ref::<std::io::Error>().is_some_and(refused))
}
