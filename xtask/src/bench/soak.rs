//! Memory of the daemon while documents change for a long time.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::child::{Memory, Running};
use super::corpus::{Corpus, FAST_MODEL, Shape, name, note};
use super::program::{alluvium, figure, ready};
use super::report::Section;
use super::{Size, mean, ratio};
use crate::pause::pause;
use crate::setup::Needs;
use crate::workspace::Workspace;

const DOCUMENTS: u32 = 1_000;
/// Between two changes.
const CHANGE: Duration = Duration::from_millis(100);
/// Between two looks at the memory, in a run that is long enough for it.
const LOOK: Duration = Duration::from_secs(30);
/// Looks in a run that is shorter.
const FEWEST_LOOKS: u32 = 20;
/// More documents than these, and ones below, come and go; the others are edited.
const COMING: u32 = 50;
/// How long the first scan, and the last changes, may take to be committed.
const CATCH_UP: Duration = Duration::from_secs(300);

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Demo, size)?;
    let more = "[commit]\ninterval = \"1s\"";
    let corpus = Corpus::new(&Shape { more, ..Shape::default() })?;
    corpus.fill(DOCUMENTS)?;
    let mut daemon = Running::start(workspace, "run", &corpus)?;
    await_indexed(workspace, &corpus, &mut daemon, DOCUMENTS)?;
    let minutes = size.minutes;
    println!("watching the daemon for {minutes} minutes");
    let soak = soak(&corpus, &mut daemon, Duration::from_secs(60) * minutes)?;
    await_indexed(workspace, &corpus, &mut daemon, soak.documents)?;
    let records = corpus.records()?;
    daemon.terminate(workspace)?;
    let again = alluvium(workspace, &["backfill", corpus.pipeline()])?;
    ensure!(again.get("published").and_then(|p| p.as_bool()) == Some(false), "changes were missed: {again}");
    Ok(Section { title: "Memory of the daemon", body: body(minutes, records, &soak)? })
}

/// Waits for as many documents in service as there are files.
fn await_indexed(workspace: &Workspace, corpus: &Corpus, daemon: &mut Running, documents: u32) -> Result<()> {
    let start = Instant::now();
    loop {
        daemon.resident()?;
        // Until the first publish there is no index to ask about.
        let status = alluvium(workspace, &["status", corpus.pipeline()]).ok();
        if status.is_some_and(|s| figure(&s, "/documents/indexed").ok() == Some(f64::from(documents))) {
            return Ok(());
        }
        ensure!(start.elapsed() < CATCH_UP, "not {documents} documents in time{}", daemon.said());
        pause(Duration::from_millis(500));
    }
}

struct Soak {
    looks: Vec<Memory>,
    changes: u32,
    documents: u32,
}

fn soak(corpus: &Corpus, daemon: &mut Running, time: Duration) -> Result<Soak> {
    let every = LOOK.min(time / FEWEST_LOOKS);
    let start = Instant::now();
    let mut soak = Soak { looks: Vec::new(), changes: 0, documents: DOCUMENTS };
    while start.elapsed() < time {
        soak.change(corpus)?;
        let looks = u32::try_from(soak.looks.len())?;
        if start.elapsed() >= every * (looks + 1) {
            soak.looks.push(daemon.resident()?);
        }
        let next = CHANGE * soak.changes;
        pause(next.saturating_sub(start.elapsed()));
    }
    Ok(soak)
}

impl Soak {
    /// Of ten changes eight are edits; one adds a document, and one removes it, or the other way round.
    fn change(&mut self, corpus: &Corpus) -> Result<()> {
        let (round, kind) = (self.changes / 10, self.changes % 10);
        self.changes += 1;
        let coming = DOCUMENTS + round % COMING;
        match kind {
            0 => {
                self.documents += 1;
                corpus.write(&name(coming), &note(coming, round))
            }
            9 => {
                self.documents -= 1;
                fs::remove_file(corpus.docs().join(name(coming))).context("cannot remove a document")
            }
            _ => {
                let number = self.changes.wrapping_mul(7_919) % DOCUMENTS;
                corpus.write(&name(number), &note(number, self.changes))
            }
        }
    }
}

type Figure = fn(&Memory) -> u64;

fn body(minutes: u32, records: usize, soak: &Soak) -> Result<String> {
    let tenth = (soak.looks.len() / 10).max(1);
    let first = soak.looks.get(..tenth).context("no look at the memory")?;
    let last = soak.looks.get(soak.looks.len() - tenth..).context("no look at the memory")?;
    let mib = |looks: &[Memory], of: Figure| {
        mean(&looks.iter().map(|look| of(look) as f64 / 1024.0).collect::<Vec<_>>())
    };
    let mut text = format!(
        "`alluvium run` over {DOCUMENTS} text files of about 100 words, {FAST_MODEL}, `commit.interval = \"1s\"`, for \
         {minutes} minutes with {} changes ({:.1} a second: edits, new files, removals) and {records} ledger \
         records in the end; afterwards a backfill found nothing that was missed. Resident memory (`VmRSS`) of the \
         process and of its largest extraction worker, {} looks, the first after the first scan. Goal: flat, which \
         is at most 1.1.\n\n\
         | | first tenth, MiB | last tenth, MiB | most, MiB | last ÷ first |\n|---|---|---|---|---|\n",
        soak.changes,
        f64::from(soak.changes) / f64::from(minutes) / 60.0,
        soak.looks.len(),
    );
    let of: [(&str, Figure); 2] =
        [("process", |memory| memory.process), ("largest worker", |memory| memory.worker)];
    for (what, of) in of {
        let (first, last) = (mib(first, of), mib(last, of));
        let most = soak.looks.iter().map(of).max().unwrap_or(0) as f64 / 1024.0;
        let ratio = ratio(last, first)?;
        text.push_str(&format!("| {what} | {first:.0} | {last:.0} | {most:.0} | **{ratio:.2}** |\n"));
    }
    Ok(text)
}
