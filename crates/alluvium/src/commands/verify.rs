//! `alluvium verify`: the index against itself and against its sources.

use std::time::Instant;

use alluvium_config::PipelineSpec;
use alluvium_index::{ErrorKind, Findings};
use alluvium_runtime::{Progress, Snapshot};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Format};
use crate::compose::{at_index, no_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress::Shown;
use crate::results::{Finding, SourceChecked, Verified, VerifyResult};
use crate::signals::Signals;

mod source;

/// Findings that text shows.
const SHOWN: usize = 50;
/// Most findings of the sources that are kept.
const MOST: u64 = 10_000;

pub(crate) async fn run(arguments: &cli::Verify, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(&arguments.pipeline.pipeline)?;
    let cancel = CancellationToken::new();
    let signals = tokio::spawn(Signals::take()?.watch(cancel.clone(), || "stopping"));
    let outcome = tokio::select! {
        biased;
        outcome = Box::pin(look(&spec, arguments)) => outcome,
        () = cancel.cancelled() => Err(interrupted()),
    };
    signals.abort();
    let result = outcome?;
    output::result(format, &result, text)?;
    Ok(if result.total == 0 { Exit::Done } else { Exit::Failed })
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted", "not everything was looked at; nothing was changed")
        .next("run the same command again")
}

async fn look(spec: &PipelineSpec, arguments: &cli::Verify) -> Result<VerifyResult, Failure> {
    let started = Instant::now();
    let file = &arguments.pipeline.pipeline;
    let index = {
        let shown = Shown::looking();
        let watch = |done, of| shown.update(&snapshot(done, Some(of)));
        let verified = alluvium_index::verify_watched(&spec.index.path, &spec.name, &watch).await;
        verified.map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_index(spec, file),
            _ => at_index(spec, error),
        })?
    };
    let mut found = Found { findings: Vec::new(), total: 0 };
    let sources = match arguments.source {
        true => Some(source::compare(spec, file, &mut found).await?),
        false => None,
    };
    Ok(result(index, sources, found, started))
}

fn snapshot(done: u64, expected: Option<u64>) -> Snapshot {
    Snapshot { done, expected, ..Snapshot::default() }
}

/// What is wrong between index and sources.
struct Found {
    findings: Vec<Finding>,
    total: u64,
}

impl Found {
    fn add(&mut self, check: &str, subject: impl ToString, detail: impl ToString) {
        self.total += 1;
        if self.total <= MOST {
            let (subject, detail) = (subject.to_string(), detail.to_string());
            self.findings.push(Finding { check: check.to_owned(), subject, detail });
        }
    }
}

fn result(
    index: Findings,
    sources: Option<Vec<SourceChecked>>,
    found: Found,
    started: Instant,
) -> VerifyResult {
    let Findings { seq, generation, checked, findings, total } = index;
    let mut findings: Vec<Finding> = findings.into_iter().map(Finding::from).collect();
    findings.extend(found.findings);
    let total = total + found.total;
    VerifyResult {
        live: Verified { seq, generation },
        checked: checked.into(),
        sources,
        truncated: (findings.len() as u64) < total,
        findings,
        total,
        seconds: started.elapsed().as_secs_f64(),
    }
}

fn text(result: &VerifyResult) -> String {
    let (live, checked) = (&result.live, &result.checked);
    let generation = live.generation.as_deref().unwrap_or("unknown");
    let mut lines = vec![
        format!("looked at seq {}, generation {generation}, in {:.1} s", live.seq, result.seconds),
        format!(
            "  {} records, {} releases, {} documents, {} chunks, {} access lists, {} quarantined changes, \
             {} principals",
            checked.records,
            checked.releases,
            checked.documents,
            checked.chunks,
            checked.policies,
            checked.quarantine,
            checked.principals,
        ),
    ];
    lines.extend(result.sources.iter().flatten().map(source_line));
    lines.push(match result.total {
        0 => "nothing is wrong".to_owned(),
        1 => "1 finding:".to_owned(),
        many => format!("{many} findings:"),
    });
    let shown = result.findings.iter().take(SHOWN);
    lines.extend(shown.map(|finding| {
        on_one_line(&format!("  {}  {}: {}", finding.check, finding.subject, finding.detail))
    }));
    let more = result.total.saturating_sub(result.findings.len().min(SHOWN) as u64);
    if more > 0 {
        lines.push(format!("  and {more} more; `--format json` has them"));
    }
    lines.join("\n")
}

/// Names come from outside, and what a terminal would obey is shown instead.
fn on_one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

fn source_line(source: &SourceChecked) -> String {
    let name = &source.name;
    let note = source.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
    if !source.compared {
        return on_one_line(&format!("  source {name}: not compared{note}"));
    }
    let SourceChecked { documents, quarantined, held_back, erased, .. } = source;
    on_one_line(&format!(
        "  source {name}: {documents} documents compared, {quarantined} quarantined, {held_back} held back, \
         {erased} erased{note}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(total: u64) -> VerifyResult {
        let mut found = Found { findings: Vec::new(), total: 0 };
        (0..total).for_each(|i| found.add("missing", format!("docs/\u{1b}[2J{i}\n"), "x"));
        let index =
            Findings { seq: 7, generation: None, checked: Default::default(), findings: vec![], total: 0 };
        result(index, None, found, Instant::now())
    }

    #[test]
    fn text_is_capped_and_harmless() {
        let result = some(MOST + 1);
        assert!(result.truncated && result.findings.len() as u64 == MOST);
        let text = text(&result);
        assert!(text.ends_with(&format!("  and {} more; `--format json` has them", MOST + 1 - SHOWN as u64)));
        assert_eq!(text.lines().count(), 2 + 1 + SHOWN + 1);
        assert!(!text.contains('\u{1b}') && text.contains("docs/\\u{1b}[2J0\\n: x"), "{text}");
        assert!(super::text(&some(0)).ends_with("nothing is wrong"));
        assert!(!some(1).truncated && super::text(&some(1)).contains("\n1 finding:\n"));
    }
}
