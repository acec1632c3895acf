//! Work on a task of its own, because it takes a core and there is other work beside it.

use tokio_util::task::AbortOnDropHandle;

use crate::error::{IndexError, Result};

/// Begins `work` at once; what is given back waits for its end, and gives it up when dropped. Should it
/// panic, that is a failure of `action`.
pub(crate) fn beside<T: Send + 'static>(
    action: String,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> {
    let task = AbortOnDropHandle::new(tokio::spawn(work));
    async move { task.await.map_err(IndexError::storage(action))? }
}
