//! Rows that should not be so.

use alluvium_core::hash::Sha256;
use alluvium_core::ledger::TableRole;
use alluvium_core::version::{Version, VersionKind};

use super::*;
use crate::rows::{ChunkRow, DocumentRow, PolicyRow, QuarantineRow, version_text};

type Change<R> = fn(&mut Vec<R>);
type RowChange = fn(&mut ChunkRow);

/// Breaks a copy of the index in each way, and compares what is found.
async fn each<R: Serialize + DeserializeOwned>(role: TableRole, ways: &[(&str, Change<R>)]) {
    let whole = index().await;
    for (expected, change) in ways {
        let dir = copied(whole.path());
        rewrite(dir.path(), role, *change).await;
        assert_eq!(wrong(dir.path()).await, [*expected]);
    }
}

/// The chunk or item of a document with that number.
macro_rules! of {
    ($rows:expr, $id:expr) => {
        $rows.iter_mut().find(|row| row.doc_id == $id).unwrap()
    };
    ($rows:expr, $id:expr, $number:expr) => {
        $rows.iter_mut().find(|row| row.doc_id == $id && row.chunk_index == $number).unwrap()
    };
}

fn other() -> String {
    Sha256::of("other").into()
}

#[tokio::test]
async fn chunks_that_are_not_those_of_their_documents() {
    each::<ChunkRow>(
        TableRole::Chunks,
        &[
            ("orphan_chunk s/zzz", |rows| {
                let stray = ChunkRow { doc_id: "s/zzz".into(), chunk_id: other(), ..rows[0].clone() };
                rows.push(stray);
            }),
            ("deleted_served s/d", |rows| {
                let stray = ChunkRow { doc_id: "s/d".into(), chunk_id: other(), ..rows[0].clone() };
                rows.push(stray);
            }),
            ("erased_served s/f", |rows| {
                let stray = ChunkRow { doc_id: "s/f".into(), chunk_id: other(), ..rows[0].clone() };
                rows.push(stray);
            }),
            ("orphan_chunk s/e", |rows| {
                let stray = ChunkRow { doc_id: "s/e".into(), chunk_id: other(), ..rows[0].clone() };
                rows.push(stray);
            }),
            ("chunk_count s/a", |rows| rows.retain(|row| row.doc_id != "s/a" || row.chunk_index != 2)),
            ("chunk_ordinal s/a", |rows| of!(rows, "s/a", 2).chunk_index = 5),
            ("mixed_versions s/a", |rows| of!(rows, "s/a", 1).content_hash = other()),
            ("mixed_versions s/a", |rows| of!(rows, "s/a", 1).text_hash = other()),
            ("mixed_versions s/a", |rows| of!(rows, "s/a", 2).pipeline_fingerprint = other()),
            ("mixed_versions s/a", |rows| of!(rows, "s/a", 2).model = "another@1".into()),
            ("mixed_versions s/a", |rows| {
                let version = Version { incarnation: String::new(), kind: VersionKind::Producer, value: 2 };
                of!(rows, "s/a", 2).doc_version = version_text(&version);
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_chunk_that_is_there_twice() {
    let dir = index().await;
    let mut id = String::new();
    rewrite::<ChunkRow>(dir.path(), TableRole::Chunks, |rows| {
        let twin = of!(rows, "s/a", 1).clone();
        id.clone_from(&twin.chunk_id);
        rows.push(twin);
    })
    .await;
    assert_eq!(wrong(dir.path()).await, [format!("duplicate_chunk {id}")]);
}

#[tokio::test]
async fn chunks_that_are_not_their_text() {
    let whole = index().await;
    let ways: &[(&str, RowChange)] = &[
        ("chunk_span", |row| row.char_end -= 1),
        ("chunk_span", |row| row.text = "another text".into()),
        ("chunk_hash", |row| row.chunk_hash = other()),
        ("page_span", |row| row.page_end = Some(2)),
        ("page_span", |row| row.page_start = None),
        ("bad_vector", |row| row.vector[0] = f32::NAN),
        ("bad_vector", |row| row.vector.iter_mut().for_each(|value| *value *= 2.0)),
        ("bad_vector", |row| row.vector.fill(0.0)),
        ("bad_vector", |row| row.tokens = 0),
    ];
    for (check, change) in ways {
        let dir = copied(whole.path());
        let mut id = String::new();
        rewrite::<ChunkRow>(dir.path(), TableRole::Chunks, |rows| {
            let row = of!(rows, "s/c", 0);
            id.clone_from(&row.chunk_id);
            change(row);
            if row.text == "another text" {
                row.chunk_hash = Sha256::of(&row.text).into();
            }
        })
        .await;
        assert_eq!(wrong(dir.path()).await, [format!("{check} {id}")]);
    }
}

#[tokio::test]
async fn chunks_out_of_order() {
    let dir = index().await;
    rewrite::<ChunkRow>(dir.path(), TableRole::Chunks, |rows| {
        of!(rows, "s/a", 0).chunk_index = 7;
        of!(rows, "s/a", 1).chunk_index = 0;
        of!(rows, "s/a", 7).chunk_index = 1;
    })
    .await;
    assert_eq!(wrong(dir.path()).await, ["chunk_order s/a"]);
}

#[tokio::test]
async fn copies_of_access_lists_that_differ() {
    each::<ChunkRow>(
        TableRole::Chunks,
        &[
            ("access_copy s/a", |rows| of!(rows, "s/a", 1).acl_readers.push("mallory".into())),
            ("access_copy s/b", |rows| of!(rows, "s/b").acl_denied.clear()),
            ("access_copy s/b", |rows| of!(rows, "s/b").tenant = Some("acme".into())),
            ("access_copy s/b", |rows| of!(rows, "s/b").classification = Some("secret".into())),
        ],
    )
    .await;
}

#[tokio::test]
async fn documents() {
    each::<DocumentRow>(
        TableRole::Documents,
        &[
            ("duplicate_document s/a", |rows| {
                let twin = of!(rows, "s/a").clone();
                rows.push(twin);
            }),
            ("orphan_chunk s/b", |rows| rows.retain(|row| row.doc_id != "s/b")),
            ("orphan_chunk s/b", |rows| of!(rows, "s/b").state = "quarantined".into()),
            ("mixed_versions s/b", |rows| of!(rows, "s/b").content_hash = Some(other())),
            ("document_text s/b", |rows| of!(rows, "s/b").text = Some("another text".into())),
            ("document_text s/b", |rows| of!(rows, "s/b").text = None),
            ("chunk_count s/b", |rows| of!(rows, "s/b").chunk_count = 2),
            ("deleted_served s/d", |rows| {
                let row = DocumentRow { text: Some(String::new()), ..of!(rows, "s/d").clone() };
                *of!(rows, "s/d") =
                    DocumentRow { state: "indexed".into(), text_hash: Some(Sha256::of("").into()), ..row };
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn policies() {
    each::<PolicyRow>(
        TableRole::Policy,
        &[
            ("duplicate_policy s/a", |rows| {
                let twin = of!(rows, "s/a").clone();
                rows.push(twin);
            }),
            ("policy_missing s/a", |rows| rows.retain(|row| row.doc_id != "s/a")),
            ("policy_missing s/d", |rows| rows.retain(|row| row.doc_id != "s/d")),
            ("policy_hash s/a", |rows| of!(rows, "s/a").acl_hash = other()),
            ("access_copy s/a", |rows| {
                let row = of!(rows, "s/a");
                row.acl_readers = vec!["h".into()];
                row.acl_hash = row.policy().unwrap().acl.hash().into();
            }),
            ("deleted_served s/a", |rows| {
                let row = of!(rows, "s/a");
                (row.deleted_seq, row.deleted_version) = (Some(4), Some(row.acl_version.clone()));
            }),
            ("erased_served s/a", |rows| of!(rows, "s/a").erased_seq = Some(4)),
        ],
    )
    .await;
}

#[tokio::test]
async fn quarantine_items() {
    let whole = index().await;
    let ways: &[(&str, Change<QuarantineRow>)] = &[
        ("duplicate_quarantine", |rows| rows.push(rows[0].clone())),
        ("quarantine_inconsistent", |rows| rows[0].source = "another".into()),
        ("quarantine_inconsistent", |rows| rows[0].resolved_seq = Some(4)),
        ("quarantine_inconsistent", |rows| rows[0].dropped = true),
        ("quarantine_inconsistent", |rows| rows[0].entered_seq = 1000),
        ("quarantine_inconsistent", |rows| {
            (rows[0].resolved_at, rows[0].resolved_seq, rows[0].retry_seq) = (Some(1), Some(4), Some(4));
        }),
    ];
    for (check, change) in ways {
        let dir = copied(whole.path());
        let mut id = String::new();
        rewrite::<QuarantineRow>(dir.path(), TableRole::Quarantine, |rows| {
            id.clone_from(&rows[0].id);
            change(rows);
        })
        .await;
        assert_eq!(wrong(dir.path()).await, [format!("{check} {id}")]);
    }
}
