//! `alluvium run`: the daemon. It follows the sources of a pipeline until it is told to end, alone or as
//! one of several processes that share the work.

use std::time::Duration;

use alluvium_config::PipelineSpec;
use alluvium_runtime::{FollowSettings, InFlight};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Format, Role};
use crate::compose::read_pipeline;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::RunResult;
use crate::signals::{Ending, Signals};

mod daemon;
mod delegated;
mod health;
mod preparer;

pub(crate) async fn run(arguments: &cli::Run, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(&arguments.pipeline.pipeline)?;
    let cancel = CancellationToken::new();
    let signals = Signals::take()?;
    let ending = signals.ending();
    let watch = tokio::spawn(signals.watch(cancel.clone(), || "stopping: what is in flight may finish"));
    let outcome = tokio::select! {
        biased;
        outcome = Box::pin(serve(&spec, arguments, cancel)) => outcome?,
        _ = watch => return Err(Failure::new(Exit::Interrupted, "interrupted", "stopped at once")
            .next("start it again: it goes on from the last publish")),
    };
    let slow: Vec<String> = outcome.iter().map(|document| document.doc_id.to_string()).collect();
    output::result(format, &RunResult { slow }, text)?;
    Ok(match ending.get() {
        Some(Ending::Interrupted) => Exit::Interrupted,
        _ => Exit::Done,
    })
}

fn text(result: &RunResult) -> String {
    match result.slow.as_slice() {
        [] => "stopped; everything in flight is committed".to_owned(),
        slow => format!("stopped; not finished in time, and taken up at the next start: {}", slow.join(", ")),
    }
}

/// Follows until a signal. Gives the documents that were too slow for it.
async fn serve(
    spec: &PipelineSpec,
    arguments: &cli::Run,
    cancel: CancellationToken,
) -> Result<Vec<InFlight>, Failure> {
    match arguments.role {
        Role::Prepare if arguments.standby => {
            let message = "`--standby` waits for the index, which a preparer does not write";
            Err(Failure::new(Exit::Usage, "usage", message)
                .next("leave it out: any number of preparers may run"))
        }
        Role::Prepare => preparer::serve(spec, cancel).await,
        role => daemon::serve(spec, role, arguments.standby, cancel).await,
    }
}

fn follow_settings(spec: &PipelineSpec) -> FollowSettings {
    let drain_timeout = spec.run.drain_timeout;
    FollowSettings { drain_timeout, health_interval: health::INTERVAL, ..FollowSettings::default() }
}

/// The wait after a round that failed: doubled each time up to the most.
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(60);

    fn new() -> Self {
        Self(Self::FIRST)
    }

    fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    /// Waits after a failure; false when told to end meanwhile.
    async fn after(&mut self, failure: &Failure, cancel: &CancellationToken) -> bool {
        tracing::error!(error = failure.message(), wait = ?self.0, "a round failed; trying again");
        let goes_on = wait(self.0, cancel).await;
        self.0 = (self.0 * 2).min(Self::MOST);
        goes_on
    }
}

/// Waits; false when told to end meanwhile.
async fn wait(time: Duration, cancel: &CancellationToken) -> bool {
    cancel.run_until_cancelled(tokio::time::sleep(time)).await.is_some()
}
