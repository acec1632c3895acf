//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second does not wait for it.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress;

/// The signals that end a run.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over from the system, whose own way is to kill the process.
    pub(crate) fn take() -> Result<Self, Failure> {
        let take = |kind| {
            signal(kind).map_err(|e| Failure::new(Exit::Failed, "signals", format!("no signals: {e}")))
        };
        Ok(Self { interrupt: take(SignalKind::interrupt())?, terminate: take(SignalKind::terminate())? })
    }

    /// Cancels at the first signal; ends at the second.
    pub(crate) async fn watch(mut self, cancel: CancellationToken) {
        self.next().await;
        progress::without_bar(|| {
            output::stderr("stopping: finished documents are being committed; once more to stop at once");
        });
        cancel.cancel();
        self.next().await;
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
