//! Whole indexes: copied, compared row for row, and held against their tags.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use alluvium_index::Index;
use futures::TryStreamExt;
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use serde_json::Value;

/// What differs from run to run: times, sequence numbers, and what says how a vector was come by.
const VOLATILE: [&str; 9] = [
    "indexed_at",
    "changed_at",
    "entered_at",
    "resolved_at",
    "changed_seq",
    "entered_seq",
    "resolved_seq",
    "deleted_seq",
    "stamp",
];

/// Copies an index, or anything else.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let place = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &place);
        } else {
            fs::copy(item.path(), place).unwrap();
        }
    }
}

/// Rows by table.
pub type Dump = BTreeMap<String, Vec<String>>;

/// Both must be equal; shows what only one of them has.
#[track_caller]
pub fn check_same(left: &Dump, right: &Dump, what: &str) {
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>(), "{what}: tables");
    for (table, rows) in left {
        let without = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|row| !those.contains(row)).cloned().collect()
        };
        let (only_left, only_right) = (without(rows, &right[table]), without(&right[table], rows));
        assert!(
            only_left.is_empty() && only_right.is_empty(),
            "{what}: {table}\n{only_left:#?}\n{only_right:#?}"
        );
        assert_eq!(rows.len(), right[table].len(), "{what}: rows of {table}");
    }
}

/// Every row and column of every table at the newest record, but for what differs from run to run.
pub async fn dump(root: &Path) -> Dump {
    let mut tables = BTreeMap::new();
    let Some(index) = Index::open(root).await.unwrap() else { return tables };
    for (name, version) in &index.record().tables {
        let dataset = open(root, name, *version).await;
        let stream = dataset.scan().try_into_stream().await.unwrap();
        let batches: Vec<_> = stream.try_collect().await.unwrap();
        let rows = batches.iter().flat_map(|b| serde_arrow::from_record_batch::<Vec<Value>>(b).unwrap());
        let mut rows: Vec<String> = rows.map(steady).collect();
        rows.sort();
        tables.insert(name.split('_').next().unwrap().to_owned(), rows);
    }
    tables
}

fn steady(mut row: Value) -> String {
    let columns = row.as_object_mut().unwrap();
    columns.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    row.to_string()
}

/// Not by way of the newest version, which may be torn where no record names it.
async fn open(root: &Path, name: &str, version: u64) -> Dataset {
    let builder = DatasetBuilder::from_uri(root.join(format!("{name}.lance")).to_str().unwrap());
    builder.with_version(version).load().await.unwrap()
}

/// The tag that plain LanceDB clients follow is at the newest record's version, in every table.
pub async fn check_tags(root: &Path, what: &str) {
    let index = Index::open(root).await.unwrap().unwrap();
    for (name, version) in &index.record().tables {
        let tagged = open(root, name, *version).await.tags().get_version("live").await.unwrap();
        assert_eq!(tagged, *version, "the tag of {name} against its record's version: {what}");
    }
}
