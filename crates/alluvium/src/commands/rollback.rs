//! `alluvium rollback`: an earlier publish back in service.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use alluvium_config::{JsonlInput, PipelineSpec, SourceKind, SourceSpec};
use alluvium_core::id::SourceName;
use alluvium_core::ledger::Record;
use alluvium_index::{RollbackOptions, RollbackPlan, Target};

use super::releases;
use crate::cli::{self, Format};
use crate::compose::{self, at_index};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{RollbackDocuments, RollbackResult, Unreplayable};

pub(crate) async fn run(arguments: &cli::Rollback, format: Format) -> Result<Exit, Failure> {
    let started = Instant::now();
    let file = &arguments.pipeline.pipeline;
    let (spec, releases, live) = releases::open(file).await?;
    let target = releases.resolve(&Target::parse(&arguments.to)).await.map_err(|e| at_index(&spec, e))?;
    let options = RollbackOptions {
        to: target.seq,
        restore_deleted: arguments.restore_deleted,
        keep_offsets: arguments.keep_offsets,
        pause: !arguments.no_pause,
    };
    let plan = live.plan_rollback(&spec.index.path, &options).await.map_err(|e| at_index(&spec, e))?;
    let lost =
        if arguments.keep_offsets { Vec::new() } else { unreplayable(&spec, &plan, &target, live.record()) };
    if arguments.dry_run {
        let result = result(&plan, None, options.pause, lost, started);
        output::result(format, &result, |result| text(result, &plan))?;
        return Ok(Exit::Done);
    }
    refuse_loss(&lost, arguments.accept_loss)?;
    let mut intervention = compose::intervention(&spec, file).await?;
    let done = intervention.rollback(&options).await.map_err(|e| at_index(&spec, e))?;
    let result = result(&done.plan, Some(done.seq), done.paused, lost, started);
    output::result(format, &result, |result| text(result, &done.plan))?;
    Ok(Exit::Done)
}

/// Sources whose changes since then can't be had again.
fn unreplayable(spec: &PipelineSpec, plan: &RollbackPlan, then: &Record, live: &Record) -> Vec<Unreplayable> {
    let judged = plan.sources.iter().filter_map(|(source, documents)| {
        let why = match spec.source(source) {
            None => "is not in the pipeline file".to_owned(),
            Some(known) => cannot_replay(spec, known, then, live)?,
        };
        Some(Unreplayable { source: source.clone(), documents: *documents, why })
    });
    judged.collect()
}

/// Why a source can't give its changes again. Documents in folders are there to be read at any time.
fn cannot_replay(spec: &PipelineSpec, source: &SourceSpec, then: &Record, live: &Record) -> Option<String> {
    let partitions = |record: &Record, name: &SourceName| {
        let source = record.checkpoint.0.get(name);
        source.map(|source| source.partitions.clone()).unwrap_or_default()
    };
    // Where preparers read the source, what they prepared is what can be had again.
    let prepared = compose::prepared_name().ok().filter(|name| live.checkpoint.0.contains_key(name));
    let prepared = prepared.filter(|_| compose::is_shared(source));
    let name = prepared.as_ref().unwrap_or(source.name.expose());
    let (then, live_partitions) = (partitions(then, name), partitions(live, name));
    match &source.kind {
        SourceKind::Filesystem(_) => None,
        SourceKind::Jsonl(jsonl) => match jsonl.path.expose() {
            JsonlInput::Stdin => Some("standard input can't be read again".to_owned()),
            JsonlInput::File(file) => file_was_replaced(file, &then, &live_partitions),
        },
        SourceKind::Kafka(kafka) => {
            let topics = match prepared {
                Some(_) => {
                    compose::prepared_spec(spec, &live.fingerprint).map_err(|e| e.message().to_owned())
                }
                None => Ok(compose::kafka_spec(source, kafka)),
            };
            let topics = match topics {
                Ok(topics) => topics,
                Err(error) => return Some(format!("was prepared by others ({error})")),
            };
            let ask = || alluvium_kafka::cannot_replay(&topics, &then, &live_partitions);
            let asked = tokio::task::block_in_place(ask);
            match asked {
                Ok(lost) => lost.map(|lost| format!("does not reach back ({lost})")),
                Err(error) => Some(format!("can't be asked how far it reaches back ({error})")),
            }
        }
    }
}

fn file_was_replaced(
    file: &Path,
    then: &BTreeMap<String, u64>,
    live: &BTreeMap<String, u64>,
) -> Option<String> {
    // A partition is one incarnation of the file, and only the newest one is there.
    let same_file = then.keys().eq(live.keys()) || (then.is_empty() && live.len() <= 1);
    let length = file.metadata().map(|found| found.len()).unwrap_or(0);
    let reaches_back = same_file && live.values().all(|position| length >= *position);
    let gone = || "is an event file that was replaced or cut since, and does not reach back".to_owned();
    (!reaches_back).then(gone)
}

fn refuse_loss(lost: &[Unreplayable], accepted: bool) -> Result<(), Failure> {
    if lost.is_empty() || accepted {
        return Ok(());
    }
    let sources: Vec<String> =
        lost.iter().map(|l| format!("source {} {}: {} documents", l.source, l.why, l.documents)).collect();
    let message = format!("changes since then can't be replayed: {}", sources.join("; "));
    Err(Failure::new(Exit::Failed, "not_replayable", message)
        .next("look at `--dry-run`, then say `--accept-loss`, or `--keep-offsets` to go on from now"))
}

fn result(
    plan: &RollbackPlan,
    seq: Option<u64>,
    paused: bool,
    unreplayable: Vec<Unreplayable>,
    started: Instant,
) -> RollbackResult {
    let count = |ids: &[String]| ids.len() as u64;
    RollbackResult {
        from: plan.from,
        to: plan.to,
        seq,
        documents: RollbackDocuments {
            restored: count(&plan.restored),
            removed: count(&plan.removed),
            deletions_kept: count(&plan.deletions_kept),
            erasures_kept: count(&plan.erasures_kept),
            permissions_kept: count(&plan.permissions_kept),
        },
        paused,
        seconds: started.elapsed().as_secs_f64(),
        dry_run: seq.is_none(),
        unreplayable,
    }
}

fn text(result: &RollbackResult, plan: &RollbackPlan) -> String {
    let mut lines = match result.seq {
        Some(seq) => vec![format!(
            "seq {seq} serves the content of seq {} instead of that of seq {}, in {:.1} s",
            result.to, result.from, result.seconds
        )],
        None => vec![format!(
            "from seq {} back to the content of seq {} (nothing is changed)",
            result.from, result.to
        )],
    };
    for (what, ids) in [
        ("served as they were", &plan.restored),
        ("not served any more", &plan.removed),
        ("deleted since, kept out", &plan.deletions_kept),
        ("erased, kept out", &plan.erasures_kept),
        ("under the access lists of now", &plan.permissions_kept),
    ] {
        lines.push(format!("{:>6}  {what}{}", ids.len(), named(ids)));
    }
    let lost = result.unreplayable.iter();
    lines.extend(lost.map(|l| format!("source {} {}: {} documents stay lost", l.source, l.why, l.documents)));
    if result.paused && result.seq.is_some() {
        lines.push("ingestion is paused; mend what went wrong, then run `alluvium resume`".to_owned());
    }
    lines.join("\n")
}

/// The first few ids.
fn named(ids: &[String]) -> String {
    const SHOWN: usize = 3;
    if ids.is_empty() {
        return String::new();
    }
    let more = if ids.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(String::as_str).collect();
    format!(": {}{more}", shown.join(", "))
}
