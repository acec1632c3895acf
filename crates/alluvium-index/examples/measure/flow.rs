//! Thousands of small commits, one an hour, with everything that the writer does between them.

use std::fs;
use std::path::Path;
use std::time::Duration;

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

pub(crate) async fn measure(folder: &Path, commits: usize) -> Result<Value> {
    let clock = Hand::now_on();
    let mut w = writer(folder, &clock).await?;
    let (mut times, mut maintaining) = (Vec::new(), Vec::new());
    let (mut documents, mut new_bytes) = (0, 0);
    let before = (counter("wchar")?, counter("write_bytes")?);
    for round in 0..commits {
        clock.pass(PASSES)?;
        let mut changes = Vec::new();
        for i in 0..DOCUMENTS {
            if i % EDITS == 1 && documents > 0 {
                changes.push(document((round * 7_919 + i * 104_729) % documents, round)?);
            } else {
                changes.push(document(documents, 0)?);
                documents += 1;
            }
        }
        let text: usize = changes.iter().map(text_bytes).sum();
        new_bytes += text + DOCUMENTS * CHUNKS * DIMENSION * size_of::<f32>();
        let records = |w: &Writer| w.head().map_or(0, |head| head.seq);
        let before = records(&w);
        let (done, time) = timed(commit(&mut w, changes)).await;
        done?;
        times.push(time);
        // A commit is one record, and each round of maintenance after it another.
        if records(&w) > before + 1 {
            maintaining.push(time);
        }
        if round % 100 == 99 {
            let last = times.get(times.len() - 100..).unwrap_or_default();
            eprintln!("{} commits, of the last hundred {}", round + 1, summary(last));
        }
    }
    let (all, disk) = (counter("wchar")? - before.0, counter("write_bytes")? - before.1);
    let records = w.head().map(|head| (head.seq, head.floor()));
    drop(w);
    let (files, bytes) = folder_size(folder)?;
    let hundreds: Vec<Value> = times.chunks(100).map(summary).collect();
    Ok(json!({
        "commits": commits, "hundreds": hundreds,
        "maintaining": { "commits": maintaining.len(), "milliseconds": summary(&maintaining) },
        "new_bytes": new_bytes, "written": all, "disk": disk, "files": files, "bytes": bytes,
        "records": records, "documents": documents,
    }))
}

fn text_bytes(change: &alluvium_core::document::Prepared) -> usize {
    match &change.content {
        alluvium_core::document::PreparedContent::Indexed(content) => content.extracted.text.len(),
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
