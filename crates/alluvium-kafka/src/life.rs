//! The life of a worker's thread: it ends when nobody is left who could ask it, and its end is waited for,
//! but not without limit. It closes a consumer, which waits for brokers, and no call of librdkafka's that
//! waits can be given up.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use alluvium_core::id::SourceName;

use crate::worker::Request;

/// How long a worker may take to end once nobody asks any more: a broker may be looked for ten seconds, and
/// the group is left after that. It is less than a daemon's drain timeout usually is.
const END: Duration = Duration::from_secs(15);

/// Keeps a worker alive.
pub(crate) struct Life {
    asking: SyncSender<Request>,
    /// Dropped with the rest, which the watch takes for the beginning of the end.
    _over: SyncSender<()>,
}

impl Life {
    /// Starts a worker's thread, and a watch over its end, for which the runtime's end waits.
    pub(crate) fn start(
        name: &SourceName,
        asking: SyncSender<Request>,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<std::sync::Arc<Self>, String> {
        let (over, is_over) = sync_channel(1);
        let (ending, has_ended) = sync_channel::<()>(1);
        let body = move || {
            // Dropped after the work, whatever becomes of it.
            let _ending = ending;
            work();
        };
        let thread = std::thread::Builder::new().name(format!("kafka-{name}"));
        thread.spawn(body).map_err(|e| format!("no thread to read with: {e}"))?;
        let name = name.clone();
        tokio::task::spawn_blocking(move || {
            if !watch(&is_over, &has_ended, END) {
                tracing::warn!(
                    source = %name,
                    "the thread kafka-{name} has not left the group within {} s and is left behind; the group \
                     notices by itself after the session's timeout",
                    END.as_secs()
                );
            }
        });
        Ok(std::sync::Arc::new(Self { asking, _over: over }))
    }

    /// Asks the worker; never waits.
    pub(crate) fn ask(&self, request: Request) -> Result<(), TrySendError<Request>> {
        self.asking.try_send(request)
    }
}

/// Waits until a thread has ended, at most so long after it was to end; whether it has.
fn watch(is_over: &Receiver<()>, has_ended: &Receiver<()>, limit: Duration) -> bool {
    // Nothing is ever sent; either channel closes.
    let _ = is_over.recv();
    has_ended.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_does_not_end_is_not_waited_for_without_limit() {
        let ((over, is_over), (ending, has_ended)) = (sync_channel(1), sync_channel::<()>(1));
        drop(over);
        assert!(!watch(&is_over, &has_ended, Duration::from_millis(1)), "it goes on");
        drop(ending);
        assert!(watch(&is_over, &has_ended, Duration::from_secs(3600)), "it has ended");
    }
}
