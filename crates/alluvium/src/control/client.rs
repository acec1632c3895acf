//! The side of those who ask.

use std::io;
use std::path::Path;
use std::time::Duration;

use alluvium_runtime::Progress;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedReadHalf;
use tokio::time::timeout;

use super::lines::Lines;
use super::protocol::{self, Answer, BackfillRequest, Done, LONGEST_ANSWER, Request};
use super::socket;
use crate::failure::{Exit, Failure};
use crate::{output, progress};

/// How long whoever listens may take to answer at all.
const FIRST: Duration = Duration::from_secs(10);
/// How long it may be silent later; it says something every half second.
const SILENCE: Duration = Duration::from_secs(60);

/// Has the daemon of the index at `root` do a backfill, and waits for its end; `None` where nobody listens
/// or answers. Dropping the future goes away, and leaves the daemon to its work.
pub(crate) async fn ask(
    root: &Path,
    request: BackfillRequest,
    shown: impl FnOnce() -> Box<dyn Progress>,
) -> Result<Option<Done>, Failure> {
    let stream = match socket::connect(root).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "nobody listens at the control socket");
            return Ok(None);
        }
    };
    let (reader, mut writer) = stream.into_split();
    // Who refuses may not wait for it, and its answer can still be read.
    let _ = writer.write_all(&protocol::line(&Request::Backfill(request))).await;
    let mut answers = Lines::new(reader, LONGEST_ANSWER);
    let Ok(first) = timeout(FIRST, answers.next()).await else { return Ok(None) };
    let first = heard(first)?;
    if !matches!(first, Answer::Refused(_)) {
        tracing::info!("the daemon that holds the index does the backfill");
    }
    follow(first, &mut answers, &*shown()).await.map(Some)
}

async fn follow(
    mut answer: Answer,
    answers: &mut Lines<OwnedReadHalf>,
    shown: &dyn Progress,
) -> Result<Done, Failure> {
    loop {
        match answer {
            Answer::Waiting => {}
            Answer::Note { text } => progress::without_bar(|| output::stderr(&text)),
            Answer::Progress(at) => shown.update(&at.into()),
            Answer::Done(done) => return Ok(done),
            Answer::Refused(refused) => return Err(refused.into()),
        }
        answer = heard(timeout(SILENCE, answers.next()).await.map_err(|_| silent())?)?;
    }
}

fn heard(line: io::Result<Option<Vec<u8>>>) -> Result<Answer, Failure> {
    let line = line.map_err(|error| gone(&format!(": {error}")))?.ok_or_else(|| gone(""))?;
    protocol::parse(&line).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "not_understood",
            format!("the daemon's answer is not understood: {error}"),
        )
        .next("use the same version of the program as the daemon, or start the daemon again with this one")
    })
}

fn gone(why: &str) -> Failure {
    let message = format!("the daemon went away before the backfill was complete{why}");
    Failure::new(Exit::Failed, "daemon_gone", message)
        .next("run the same command again: what is finished is not done anew")
}

fn silent() -> Failure {
    let message = format!("the daemon has said nothing for {} seconds", SILENCE.as_secs());
    Failure::new(Exit::Failed, "daemon_silent", message)
        .next("look whether it still runs; then run the same command again")
}
