//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second does not wait for it.

use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress;

/// Which signal ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM, as a service manager sends it.
    Terminated,
}

/// The signals that end a run.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    ending: Arc<OnceLock<Ending>>,
}

impl Signals {
    /// Takes the signals over from the system, whose own way is to kill the process.
    pub(crate) fn take() -> Result<Self, Failure> {
        let take = |kind| {
            signal(kind).map_err(|e| Failure::new(Exit::Failed, "signals", format!("no signals: {e}")))
        };
        let (interrupt, terminate) = (take(SignalKind::interrupt())?, take(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, ending: Arc::default() })
    }

    /// The signal that came first, once it came.
    pub(crate) fn ending(&self) -> Arc<OnceLock<Ending>> {
        Arc::clone(&self.ending)
    }

    /// Cancels at the first signal, and says what happens `now`; ends at the second.
    pub(crate) async fn watch(mut self, cancel: CancellationToken, now: impl Fn() -> &'static str) {
        let ending = self.next().await;
        let _ = self.ending.set(ending);
        progress::without_bar(|| output::stderr(&format!("{}; once more to stop at once", now())));
        cancel.cancel();
        self.next().await;
    }

    async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupt.recv() => Ending::Interrupted,
            _ = self.terminate.recv() => Ending::Terminated,
        }
    }
}
