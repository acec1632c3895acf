//! How far a backfill is: a bar on a terminal, a line every ten seconds in a log.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use alluvium_runtime::{Progress, Snapshot};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// How often a log hears of it.
const EVERY: Duration = Duration::from_secs(10);

/// The bar on the screen, for whoever else wants to write there.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Does something on stderr while no bar is there.
pub(crate) fn without_bar<R>(act: impl FnOnce() -> R) -> R {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(act),
        None => act(),
    }
}

/// Shows progress until it is dropped.
pub(crate) struct Shown {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Mutex<Instant>,
    /// Whether there is more to say than how many documents are done.
    remarks: bool,
}

impl Shown {
    /// Begins.
    pub(crate) fn start() -> Self {
        Self::begin(true)
    }

    /// Begins, of work that only looks.
    pub(crate) fn looking() -> Self {
        Self::begin(false)
    }

    fn begin(remarks: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::no_length);
        if let Some(bar) = &bar {
            bar.set_style(style(false));
            bar.enable_steady_tick(Duration::from_millis(200));
            *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        }
        let now = Instant::now();
        Self { bar, started: now, last_line: Mutex::new(now), remarks }
    }
}

impl Shown {
    fn remarks(&self, snapshot: &Snapshot) -> Option<String> {
        self.remarks.then(|| remarks(snapshot))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
            bar.finish_and_clear();
        }
    }
}

impl Progress for Shown {
    fn update(&self, snapshot: &Snapshot) {
        if let Some(bar) = &self.bar {
            if let Some(expected) = snapshot.expected.filter(|expected| bar.length() != Some(*expected)) {
                bar.set_length(expected);
                bar.set_style(style(true));
            }
            bar.set_position(snapshot.done);
            bar.set_message(self.remarks(snapshot).unwrap_or_default());
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            output::stderr(&line(snapshot, self.started.elapsed(), self.remarks(snapshot)));
        }
    }
}

fn style(length_known: bool) -> ProgressStyle {
    let template = if length_known {
        "{bar:30} {pos}/{len} documents  {per_sec}  {eta} left  {msg}"
    } else {
        "{spinner} {pos} documents  {per_sec}  {elapsed}  {msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn remarks(snapshot: &Snapshot) -> String {
    let mut remarks = format!("{} chunks embedded", snapshot.embedded);
    if snapshot.quarantined > 0 {
        remarks += &format!(", {} quarantined", snapshot.quarantined);
    }
    remarks
}

/// One line for a log.
fn line(snapshot: &Snapshot, elapsed: Duration, remarks: Option<String>) -> String {
    let rate = snapshot.done as f64 / elapsed.as_secs_f64().max(0.001);
    let of = snapshot.expected.map(|expected| format!("/{expected}")).unwrap_or_default();
    let left = snapshot.expected.filter(|_| rate > 0.0).map(|expected| {
        let seconds = expected.saturating_sub(snapshot.done) as f64 / rate;
        format!(", about {seconds:.0} s left")
    });
    let left = left.unwrap_or_default();
    let remarks = remarks.map(|remarks| format!(", {remarks}")).unwrap_or_default();
    format!("{}{of} documents, {rate:.1}/s{left}{remarks}", snapshot.done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let snapshot =
            Snapshot { expected: Some(300), done: 100, embedded: 7, quarantined: 1, ..Snapshot::default() };
        let text = "100/300 documents, 10.0/s, about 20 s left, 7 chunks embedded, 1 quarantined";
        assert_eq!(line(&snapshot, Duration::from_secs(10), Some(remarks(&snapshot))), text);
        let unknown = Snapshot { done: 0, ..Snapshot::default() };
        let ten = Duration::from_secs(10);
        assert_eq!(line(&unknown, ten, Some(remarks(&unknown))), "0 documents, 0.0/s, 0 chunks embedded");
        assert_eq!(line(&unknown, ten, None), "0 documents, 0.0/s");
    }
}
