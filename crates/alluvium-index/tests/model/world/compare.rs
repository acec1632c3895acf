//! The index against the model.

use super::*;

impl World {
    /// What a reader sees, against the model.
    pub(super) async fn compare(&mut self) -> Result<(), Differs> {
        let Some(index) = Index::open(self.root()).await.map_err(|e| format!("no reader can open: {e}"))?
        else {
            return self.nothing_is_expected();
        };
        let record = index.record().clone();
        let (source, partition) = partition();
        let at = record.checkpoint.position(&source, &partition).map_or(0, |p| p as usize + 1);
        equal("the checkpoint", &at, &self.oracle.position)?;
        equal("paused", &record.paused, &self.oracle.paused)?;
        if record.floor < self.floor {
            return Err(format!("the floor fell from {} to {}", self.floor, record.floor));
        }
        self.floor = record.floor;
        if self.acknowledged > at {
            return Err(format!("{} events were acknowledged, {at} are contained", self.acknowledged));
        }
        let (rows, live) = served(self.root(), &record).await;
        equal("the rows", &rows, &self.oracle.rows())?;
        self.tags_follow(&record, live)?;
        self.refused_wait(&index).await?;
        // A record never changes, so it is searched when it is new. Earlier ones are at every third step:
        // under what their readers may see now, and after whatever was cleaned up since.
        if self.oracle.published(record.seq) {
            self.compare_search(&index).await?;
        }
        if self.steps.is_multiple_of(3) { self.compare_earlier(&index).await } else { Ok(()) }
    }

    async fn refused_wait(&self, index: &Index) -> Result<(), Differs> {
        let refused = self.oracle.refused();
        let waiting = if refused.is_empty() { vec![] } else { index.quarantine().await.unwrap() };
        let missing = refused.into_iter().find(|id| !waiting.iter().any(|item| item.doc_id == *id));
        missing.map_or(Ok(()), |id| Err(format!("{id} was refused and does not wait in quarantine")))
    }

    /// Plain LanceDB clients follow the tag. A process that died may leave it behind until the next publish.
    fn tags_follow(&self, record: &Record, live: Option<u64>) -> Result<(), Differs> {
        let version = record.tables.get(&TableRole::Chunks.table(&record.generation)).copied();
        if self.died { Ok(()) } else { equal("the tag", &live, &version) }
    }

    fn nothing_is_expected(&self) -> Result<(), Differs> {
        PRINCIPALS.iter().try_for_each(|who| equal("found in no index", &vec![], &self.oracle.found(who)))
    }

    /// Each time by another of three modes and as another of three principals; after nine every pair had its
    /// turn.
    async fn compare_search(&mut self, index: &Index) -> Result<(), Differs> {
        let turn = self.searched;
        self.searched += 1;
        let mode = [SearchMode::Vector, SearchMode::Fts, SearchMode::Hybrid][turn % 3];
        let who = PRINCIPALS[(turn + turn / 3) % PRINCIPALS.len()];
        let found = Ask { limit: 100, ..Ask::by(mode, "any") }.of(index, &[who]).await;
        equal(&format!("{who} finds by {mode:?}"), &sorted(&found.hits), &self.oracle.found(who))
    }

    /// The release, or some earlier record.
    async fn compare_earlier(&self, newest: &Index) -> Result<(), Differs> {
        let who = PRINCIPALS[self.steps / 3 % PRINCIPALS.len()];
        let records: Vec<u64> = self.oracle.records().into_iter().filter(|seq| self.is_kept(*seq)).collect();
        let seq = match &self.release {
            Some((_, seq)) if self.steps.is_multiple_of(2) => *seq,
            _ => records[self.steps % records.len()],
        };
        let releases = Releases::open(self.root()).unwrap();
        let record = releases.resolve(&alluvium_index::Target::Seq(seq)).await.unwrap();
        let index = Index::open_at(self.root(), &record).await.unwrap().judged_by(newest).unwrap();
        let found = Ask { limit: 100, ..Ask::by(SearchMode::Vector, "any") }.of(&index, &[who]).await;
        let expected = self.oracle.found_at(seq, who);
        equal(&format!("{who} finds in record {seq}"), &sorted(&found.hits), &expected)
    }

    /// The index is sound by its own judgement, too. A writer looks first: a tag that a death left behind is
    /// moved by the next one.
    pub(super) async fn verify(&mut self) -> Result<(), Differs> {
        self.writer = None;
        let head = self.writer().await.head().is_some();
        let found = if head { verify(self.root(), &pipeline()).await.unwrap().findings } else { vec![] };
        if found.is_empty() { Ok(()) } else { Err(format!("verify finds {found:?}")) }
    }
}

/// The rows of chunks in a record, read with nothing but Lance; and the version that is tagged as live.
async fn served(root: &Path, record: &Record) -> (Vec<Row>, Option<u64>) {
    let name = TableRole::Chunks.table(&record.generation);
    let path = root.join(format!("{name}.lance"));
    let table = DatasetBuilder::from_uri(path.to_str().unwrap());
    let table = table.with_version(record.tables[&name]).load().await.unwrap();
    let mut scan = table.scan();
    scan.project(&["doc_id", "text", "acl_readers", "acl_denied"]).unwrap();
    let batches: Vec<RecordBatch> = scan.try_into_stream().await.unwrap().try_collect().await.unwrap();
    let mut rows: Vec<Row> = Vec::new();
    for batch in &batches {
        rows.extend(serde_arrow::from_record_batch::<Vec<Row>>(batch).unwrap());
    }
    rows.sort();
    (rows, table.tags().get_version("live").await.ok())
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, expected: &T) -> Result<(), Differs> {
    if is == expected { Ok(()) } else { Err(format!("{what}: {is:?}, and the model says {expected:?}")) }
}
