//! What a commit and a rollback cost as an index grows.

use std::path::{Path, PathBuf};

use alluvium_core::commit::IndexWriter;
use alluvium_index::{Intervention, RollbackOptions, Writer};
use serde_json::{Value, json};

use crate::Result;
use crate::figures::{summary, timed};
use crate::made_up::{CHUNKS, Hand, commit, document, options, pipeline, relisted, writer};

/// Commits that are timed at each size: as many as a writer makes with the same caches, which are new when
/// the first of them begins.
const COMMITS: usize = 200;
/// Documents of such a commit: a hundred passages, half of the documents new, half edited.
const DOCUMENTS: usize = 10;
/// Documents of a commit that only makes the index grow, or changes permissions.
const GROWTH: usize = 2_000;
/// Documents whose permissions change before a rollback.
const RELISTED: [usize; 2] = [1_000, 100_000];

pub(crate) async fn measure(folder: &Path, sizes: &[usize]) -> Result<Value> {
    let mut indexes = Vec::new();
    for size in sizes {
        indexes.push(Grown::to(&folder.join(size.to_string()), *size).await?);
    }
    // In turn, so that all meet the same machine.
    for _ in 0..COMMITS {
        for (index, w) in &mut indexes {
            index.commit(w).await?;
        }
    }
    let mut rows = Vec::new();
    for (size, (mut index, w)) in sizes.iter().zip(indexes) {
        let commits = summary(&index.times);
        drop(w);
        let mut rollbacks = Vec::new();
        for relisted in RELISTED.into_iter().filter(|relisted| *relisted <= size / CHUNKS) {
            rollbacks.push(index.rollback(relisted).await?);
        }
        rows.push(json!({ "rows": size, "commit": commits, "rollbacks": rollbacks }));
    }
    Ok(json!({ "sizes": rows, "commits": COMMITS, "documents": DOCUMENTS, "chunks": CHUNKS }))
}

/// An index of some size.
struct Grown {
    folder: PathBuf,
    clock: Hand,
    documents: usize,
    revision: usize,
    /// Milliseconds of each commit, with the maintenance that it sets off.
    times: Vec<f64>,
}

impl Grown {
    /// Makes it, and opens it anew.
    async fn to(folder: &Path, rows: usize) -> Result<(Self, Writer)> {
        let clock = Hand::now_on();
        let mut w = writer(folder, &clock).await?;
        let mut documents = 0;
        while documents < rows / CHUNKS {
            let until = (rows / CHUNKS).min(documents + GROWTH);
            let changes = (documents..until).map(|number| document(number, 0)).collect::<Result<_>>()?;
            commit(&mut w, changes).await?;
            documents = until;
            eprintln!("{} rows of {rows}", documents * CHUNKS);
        }
        // A vector index that is being trained takes a core for minutes.
        w.maintain().await?;
        // The caches of one that grew hold all of it, or what was pushed out last.
        drop(w);
        let w = writer(folder, &clock).await?;
        let grown = Self { folder: folder.to_owned(), clock, documents, revision: 0, times: Vec::new() };
        Ok((grown, w))
    }

    async fn commit(&mut self, w: &mut Writer) -> Result<()> {
        self.revision += 1;
        let half = DOCUMENTS / 2;
        let step = self.documents / half;
        // Edited documents lie all over the index.
        let edited = (0..half).map(|i| (i * step + self.revision * 7 % step, self.revision));
        let new = (self.documents..self.documents + half).map(|number| (number, 0));
        let changes = edited.chain(new).map(|(number, revision)| document(number, revision));
        let changes = changes.collect::<Result<_>>()?;
        let (done, time) = timed(commit(w, changes)).await;
        let counts = done?.counts.total();
        if counts.chunks_written != (DOCUMENTS * CHUNKS) as u64 {
            return Err(format!("not the commit that was meant: {counts:?}").into());
        }
        self.documents += half;
        self.times.push(time);
        Ok(())
    }

    /// A rollback after an edit of ten documents and so many changes of permissions.
    async fn rollback(&mut self, changed: usize) -> Result<Value> {
        let (folder, clock) = (&self.folder, &self.clock);
        self.revision += 1;
        let mut w = writer(folder, clock).await?;
        let to = w.head().ok_or("there is no record")?.seq;
        let edits = (0..DOCUMENTS).map(|number| document(number, self.revision)).collect::<Result<_>>()?;
        commit(&mut w, edits).await?;
        let reader = format!("group:{}", self.revision);
        let numbers: Vec<usize> = (0..changed).collect();
        for part in numbers.chunks(GROWTH) {
            let changes = part.iter().map(|number| relisted(*number, &reader)).collect::<Result<_>>()?;
            commit(&mut w, changes).await?;
        }
        drop(w);
        let mut person = Intervention::open(folder, &pipeline()?, options(clock)).await?;
        let asked = RollbackOptions { to, restore_deleted: false, keep_offsets: false, pause: false };
        let (done, time) = timed(person.rollback(&asked)).await;
        done?;
        eprintln!("rollback with {changed} policies: {time:.0} ms");
        Ok(json!({ "policies": changed, "milliseconds": time }))
    }
}
