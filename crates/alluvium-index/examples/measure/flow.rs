//! Thousands of small commits, one an hour, with everything that the writer does between them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_index::Writer;
use serde_json::{Value, json};

use crate::Result;
use crate::figures::{summary, timed};
use crate::made_up::{CHUNKS, DIMENSION, Hand, commit, document, writer};

/// Documents of a commit: a hundred passages.
const DOCUMENTS: usize = 10;
/// One in so many of them is an edit of an older one.
const EDITS: usize = 2;
const PASSES: Duration = Duration::from_secs(3600);

/// So many indexes are begun, and the first so many commits of each measured beside those of the old one: a
/// hundred commits alone are a matter of which merges fall among them.
const BEGUN: usize = 3;
const BESIDE: usize = 100;

pub(crate) async fn measure(folder: &Path, commits: usize) -> Result<Value> {
    let mut flow = Flow::begin(&folder.join("old")).await?;
    let before = (counter("wchar")?, counter("write_bytes")?);
    for round in 1..=commits {
        flow.commit().await?;
        if round % 100 == 0 {
            let last = flow.times.get(flow.times.len() - 100..).unwrap_or_default();
            eprintln!("{round} commits, of the last hundred {}", summary(last));
        }
    }
    let (all, disk) = (counter("wchar")? - before.0, counter("write_bytes")? - before.1);
    let records = flow.writer.head().map(|head| (head.seq, head.floor()));
    let (files, bytes) = folder_size(&folder.join("old"))?;
    let hundreds: Vec<Value> = flow.times.chunks(100).map(summary).collect();
    let beside =
        if flow.times.is_empty() { Value::Null } else { Box::pin(beside(folder, &mut flow)).await? };
    Ok(json!({
        "commits": commits, "hundreds": hundreds, "beside": beside,
        "maintaining": { "commits": flow.maintaining.len(), "milliseconds": summary(&flow.maintaining) },
        "new_bytes": flow.new_bytes, "written": all, "disk": disk, "files": files, "bytes": bytes,
        "records": records, "documents": flow.documents,
    }))
}

/// The next commits of `old`, each beside one of an index that begins. Whatever else is different between
/// the beginning and the end of minutes of commits, such as the file system and the machine, is the same for
/// both.
async fn beside(folder: &Path, old: &mut Flow) -> Result<Value> {
    let since = old.times.len();
    let (maintaining, new_bytes) = (old.maintaining.clone(), old.new_bytes);
    let mut first = Vec::new();
    for begun in 0..BEGUN {
        let mut new = Flow::begin(&folder.join(format!("new-{begun}"))).await?;
        for round in 0..BESIDE {
            // First the one, then the other.
            if round % 2 == 0 {
                old.commit().await?;
                new.commit().await?;
            } else {
                new.commit().await?;
                old.commit().await?;
            }
        }
        first.append(&mut new.times);
    }
    let times = old.times.split_off(since);
    (old.maintaining, old.new_bytes) = (maintaining, new_bytes);
    Ok(json!({ "indexes": BEGUN, "old": summary(&times), "new": summary(&first) }))
}

/// An index into which one commit after the other goes.
struct Flow {
    clock: Hand,
    writer: Writer,
    documents: usize,
    rounds: usize,
    new_bytes: usize,
    /// Milliseconds of each commit.
    times: Vec<f64>,
    /// Of those that set off maintenance.
    maintaining: Vec<f64>,
}

impl Flow {
    async fn begin(folder: &Path) -> Result<Self> {
        let clock = Hand::now_on();
        let writer = writer(folder, &clock).await?;
        let (times, maintaining) = (Vec::new(), Vec::new());
        Ok(Self { clock, writer, documents: 0, rounds: 0, new_bytes: 0, times, maintaining })
    }

    async fn commit(&mut self) -> Result<()> {
        self.clock.pass(PASSES)?;
        let changes = self.changes()?;
        let text: usize = changes.iter().map(text_bytes).sum();
        self.new_bytes += text + DOCUMENTS * CHUNKS * DIMENSION * size_of::<f32>();
        let before = self.records();
        let (done, time) = timed(commit(&mut self.writer, changes)).await;
        done?;
        self.times.push(time);
        // A commit is one record, and each round of maintenance after it another.
        if self.records() > before + 1 {
            self.maintaining.push(time);
        }
        Ok(())
    }

    fn changes(&mut self) -> Result<Vec<Prepared>> {
        let round = self.rounds;
        self.rounds += 1;
        let mut changes = Vec::new();
        for i in 0..DOCUMENTS {
            if i % EDITS == 1 && self.documents > 0 {
                changes.push(document((round * 7_919 + i * 104_729) % self.documents, round)?);
            } else {
                changes.push(document(self.documents, 0)?);
                self.documents += 1;
            }
        }
        Ok(changes)
    }

    fn records(&self) -> u64 {
        self.writer.head().map_or(0, |head| head.seq)
    }
}

fn text_bytes(change: &Prepared) -> usize {
    match &change.content {
        PreparedContent::Indexed(content) => content.extracted.text.len(),
        _ => 0,
    }
}

/// A figure of this process's input and output.
fn counter(name: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Ok(line.ok_or("the kernel does not say what was written")?.parse()?)
}

/// Files beneath a folder, and their bytes.
fn folder_size(folder: &Path) -> Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            let (more, larger) = folder_size(&entry.path())?;
            (files, bytes) = (files + more, bytes + larger);
        } else {
            (files, bytes) = (files + 1, bytes + metadata.len());
        }
    }
    Ok((files, bytes))
}
