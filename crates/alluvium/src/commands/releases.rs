//! `alluvium releases`: names for publishes, and how publishes differ.

use std::path::Path;

use alluvium_config::PipelineSpec;
use alluvium_index::{Diff, Index, Release, Releases, Target};
use jiff::Timestamp;

use crate::cli::{self, Format};
use crate::compose::{at_index, open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{DiffResult, RecordRow, ReleaseResult, ReleaseRow, ReleasesResult};

/// Publishes that `list` shows beside the releases.
const SHOWN: usize = 20;

pub(crate) async fn run(command: &cli::Releases, format: Format) -> Result<Exit, Failure> {
    match command {
        cli::Releases::List(arguments) => list(&arguments.pipeline, format).await,
        cli::Releases::Create(arguments) => create(arguments, format).await,
        cli::Releases::Diff(arguments) => diff(arguments, format).await,
        cli::Releases::Drop(arguments) => drop(arguments, format).await,
    }
}

/// The releases of a pipeline's index, which must be there and its own, and the live publish.
pub(crate) async fn open(file: &Path) -> Result<(PipelineSpec, Releases, Index), Failure> {
    let spec = read_pipeline(file)?;
    let index = open_index(&spec, file).await?;
    let releases = Releases::open(&spec.index.path).map_err(|e| at_index(&spec, e))?;
    Ok((spec, releases, index))
}

async fn list(file: &Path, format: Format) -> Result<Exit, Failure> {
    let (spec, releases, index) = open(file).await?;
    let named = releases.list().await.map_err(|e| at_index(&spec, e))?;
    let records = releases.history(SHOWN).await.map_err(|e| at_index(&spec, e))?;
    let result = ReleasesResult {
        live: index.record().seq,
        releases: named.into_iter().map(row).collect(),
        records: records.iter().map(RecordRow::from).collect(),
    };
    output::result(format, &result, list_text)?;
    Ok(Exit::Done)
}

fn row(release: Release) -> ReleaseRow {
    ReleaseRow { name: release.name, seq: release.seq, created_at: release.created_at }
}

fn list_text(result: &ReleasesResult) -> String {
    let mut blocks = Vec::new();
    if !result.releases.is_empty() {
        let cells = |r: &ReleaseRow| vec![r.name.clone(), r.seq.to_string(), r.created_at.to_string()];
        let rows: Vec<_> = result.releases.iter().map(cells).collect();
        blocks.push(output::table(&["release", "seq", "named"], &rows));
    }
    let cells = |r: &RecordRow| {
        let mut remarks = Vec::new();
        remarks.extend((r.seq == result.live).then(|| "live".to_owned()));
        remarks.extend(r.paused.then(|| "paused".to_owned()));
        remarks.extend(r.rolled_back_to.map(|to| format!("back to {to}")));
        vec![r.seq.to_string(), r.created_at.to_string(), r.reason.clone(), remarks.join(", ")]
    };
    let rows: Vec<_> = result.records.iter().map(cells).collect();
    blocks.push(output::table(&["seq", "published", "why", ""], &rows));
    blocks.join("\n\n")
}

async fn create(arguments: &cli::ReleaseCreate, format: Format) -> Result<Exit, Failure> {
    let (spec, releases, index) = open(&arguments.pipeline.pipeline).await?;
    let seq = match &arguments.target {
        None => index.record().seq,
        Some(target) => {
            let record = releases.resolve(&Target::parse(target)).await;
            record.map_err(|e| at_index(&spec, e))?.seq
        }
    };
    let created = releases.create(&arguments.name, seq, Timestamp::now()).await;
    let release = created.map_err(|e| at_index(&spec, e))?;
    let result = ReleaseResult { release: row(release) };
    output::result(format, &result, |r| format!("{} is seq {}", r.release.name, r.release.seq))?;
    Ok(Exit::Done)
}

async fn drop(arguments: &cli::ReleaseDrop, format: Format) -> Result<Exit, Failure> {
    let (spec, releases, _) = open(&arguments.pipeline.pipeline).await?;
    let release = releases.drop(&arguments.name).await.map_err(|e| at_index(&spec, e))?;
    let result = ReleaseResult { release: row(release) };
    let text = |r: &ReleaseResult| format!("{} names seq {} no more", r.release.name, r.release.seq);
    output::result(format, &result, text)?;
    Ok(Exit::Done)
}

async fn diff(arguments: &cli::ReleaseDiff, format: Format) -> Result<Exit, Failure> {
    let (spec, releases, live) = open(&arguments.pipeline.pipeline).await?;
    let from = at(&spec, &releases, &arguments.from).await?;
    let to = match &arguments.to {
        Some(target) => at(&spec, &releases, target).await?,
        None => live,
    };
    let diff = from.diff(&to).await.map_err(|e| at_index(&spec, e))?;
    let Diff { added, removed, changed, access } = diff;
    let (from, to) = (from.record().seq, to.record().seq);
    output::result(format, &DiffResult { from, to, added, removed, changed, access }, diff_text)?;
    Ok(Exit::Done)
}

async fn at(spec: &PipelineSpec, releases: &Releases, target: &str) -> Result<Index, Failure> {
    let at_index = |e| at_index(spec, e);
    let record = releases.resolve(&Target::parse(target)).await.map_err(at_index)?;
    Index::open_at(&spec.index.path, &record).await.map_err(at_index)
}

fn diff_text(diff: &DiffResult) -> String {
    let part =
        |sign: &str, ids: &[String]| -> Vec<String> { ids.iter().map(|id| format!("{sign} {id}")).collect() };
    let mut lines = vec![format!(
        "seq {} to seq {}: {} added (+), {} removed (-), {} changed (~), {} with another access list (@)",
        diff.from,
        diff.to,
        diff.added.len(),
        diff.removed.len(),
        diff.changed.len(),
        diff.access.len()
    )];
    for (sign, ids) in [("+", &diff.added), ("-", &diff.removed), ("~", &diff.changed), ("@", &diff.access)] {
        lines.extend(part(sign, ids));
    }
    lines.join("\n")
}
