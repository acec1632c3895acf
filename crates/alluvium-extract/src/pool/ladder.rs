//! PDF engines one after the other: where the first errs, dies, finds nothing or garbage, the next one
//! tries, and the better result is taken.

use alluvium_core::change::MediaType;
use alluvium_core::extract::Extracted;
use alluvium_core::quarantine::Cause;

use super::attempt::{Attempt, End};
use super::{Error, WorkerPool, assemble, engine_component};
use crate::outcome::{Failure, Meta};
use crate::pdf::PdfEngineName;
use crate::protocol::Request;
use crate::quality::Quality;

/// An attempt, weighed.
struct Rung {
    engine: PdfEngineName,
    attempt: Attempt,
    quality: Quality,
    failed_pages: usize,
}

impl WorkerPool {
    /// Extracts a PDF by the first engine that does it well, else by the one that does it best.
    pub(super) async fn climb(&self, bytes: &[u8]) -> Result<Extracted, Error> {
        let mut rungs: Vec<Rung> = Vec::new();
        for engine in &self.config.engines {
            let (media_type, engine) = (MediaType::Pdf, *engine);
            let request = Request::Extract { media_type, engine, charset: None, keeps_hidden: false };
            let attempt = self.attempt(&request, bytes).await.map_err(Error::Unavailable)?;
            let rung = Rung::new(engine, attempt);
            let good = rung.is_good();
            rungs.push(rung);
            if good {
                break;
            }
        }
        decide(rungs)
    }
}

/// The best of several attempts, of which only the last may be good.
fn decide(rungs: Vec<Rung>) -> Result<Extracted, Error> {
    let deaths = rungs.iter().filter(|r| r.attempt.died()).count() as u32;
    let outcomes = rungs.iter().map(Rung::outcome).collect::<Vec<_>>().join("; ");
    let telling = rungs.iter().filter_map(|r| r.attempt.failure()).min_by_key(|f| rank(f.cause));
    let cause = telling.map_or(Cause::Corrupt, |f| f.cause);
    // The first wins ties: it is the one that the pipeline prefers.
    let best = rungs.into_iter().rev().max_by_key(Rung::worth);
    match best {
        Some(rung) if !rung.quality.is_empty() && !rung.quality.is_garbage() => {
            let doubts = rung.doubts();
            Ok(rung.into_extracted(doubts))
        }
        _ => Err(Error::Failed { failure: Failure::new(cause, outcomes), deaths }),
    }
}

/// How much a cause tells, the most first: what is known of the document before what befell a worker.
fn rank(cause: Cause) -> u8 {
    match cause {
        Cause::Encrypted => 0,
        Cause::ImageOnly => 1,
        Cause::Empty => 2,
        Cause::TooLarge => 3,
        Cause::Corrupt => 4,
        Cause::Timeout => 5,
        Cause::OutOfMemory => 6,
        _ => 7,
    }
}

impl Rung {
    fn new(engine: PdfEngineName, attempt: Attempt) -> Self {
        let mut text = String::new();
        for piece in &attempt.pieces {
            text.push_str(&piece.text);
        }
        let failed_pages = attempt.pieces.iter().filter(|p| p.failed.is_some()).count();
        Self { engine, quality: Quality::of(&text), failed_pages, attempt }
    }

    fn is_good(&self) -> bool {
        let whole = self.attempt.failure().is_none() && self.failed_pages == 0;
        whole && !self.quality.is_empty() && !self.quality.is_doubtful()
    }

    /// Readable characters, with a bonus for a whole document: a few more characters out of half of the
    /// pages are no better.
    fn worth(&self) -> usize {
        let whole = self.attempt.failure().is_none() && self.failed_pages == 0;
        self.quality.worth() * if whole { 11 } else { 10 }
    }

    /// Why the result is not all of the document.
    fn doubts(&self) -> Option<String> {
        let mut doubts = Vec::new();
        if let Some(failure) = self.attempt.failure() {
            doubts.push(format!("pages after {}: {}", self.attempt.pieces.len(), failure.detail));
        }
        let failed =
            self.attempt.pieces.iter().enumerate().find_map(|(i, p)| p.failed.as_ref().map(|f| (i, f)));
        if let Some((first, why)) = failed {
            doubts.push(format!("{} pages failed, the first is {}: {why}", self.failed_pages, first + 1));
        }
        if self.quality.garbage_percent() >= 10 {
            doubts.push(format!("{} % of its characters are unknown", self.quality.garbage_percent()));
        }
        (!doubts.is_empty()).then(|| doubts.join("; "))
    }

    /// One engine's outcome in a few words.
    fn outcome(&self) -> String {
        let outcome = match &self.attempt.end {
            End::Failed(failure) | End::Died(failure) => format!("{} ({})", failure.cause, failure.detail),
            End::Done(_) if self.quality.is_garbage() => {
                format!("{} % of the characters are unknown", self.quality.garbage_percent())
            }
            End::Done(_) => self.doubts().unwrap_or_else(|| "text of doubtful quality".to_owned()),
        };
        let outcome: String = outcome.chars().take(200).collect();
        format!("{}: {outcome}", self.engine)
    }

    fn into_extracted(self, doubts: Option<String>) -> Extracted {
        let mut meta = match self.attempt.end {
            End::Done(meta) => meta,
            End::Failed(_) | End::Died(_) => Meta::default(),
        };
        let both: Vec<String> = [meta.partial.take(), doubts].into_iter().flatten().collect();
        meta.partial = (!both.is_empty()).then(|| both.join("; ").chars().take(500).collect());
        assemble::pages(self.attempt.pieces, meta, engine_component(self.engine))
    }
}

#[cfg(test)]
mod tests;
