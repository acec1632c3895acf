//! An index that an earlier version of the program made: it is read as it is, and written to by this one.

use super::*;
use crate::reader::Index;
use crate::schema::{later_columns, schema};
use crate::writer::RollbackOptions;

/// Takes the columns away that the first version of the schema did not have, and says which record has the
/// result.
async fn made_earlier(root: &Path) -> u64 {
    for role in TableRole::ALL.into_iter().filter(|role| !later_columns(*role).is_empty()) {
        let (_, _, tables) = opened(root).await;
        let table = tables.get(role).unwrap();
        let mut dataset = (**table.dataset()).clone();
        dataset.drop_columns(later_columns(role)).await.unwrap();
        publish(root, role, table.at(dataset)).await;
    }
    opened(root).await.1.seq
}

/// The columns of the newest record's documents.
async fn columns(root: &Path) -> usize {
    let (_, _, tables) = opened(root).await;
    tables.get(TableRole::Documents).unwrap().dataset().schema().fields.len()
}

#[tokio::test]
async fn it_is_read_as_it_is_and_gets_the_columns_that_it_lacks_at_the_first_write() {
    let dir = index().await;
    let root = dir.path();
    let now = schema(TableRole::Documents, DIMENSION).fields().len();
    let earlier = made_earlier(root).await;
    assert_eq!(columns(root).await, now - 1);
    assert_eq!(wrong(root).await, Vec::<String>::new());
    assert!(Index::open(root).await.unwrap().unwrap().known(&SourceName::new("s").unwrap()).await.is_ok());

    let mut w = writer(root).await;
    commit(&mut w, vec![upsert("s/g", "gee", acl(&["g"])), delete("s/b")]).await;
    drop(w);
    assert_eq!(columns(root).await, now);
    assert_eq!(wrong(root).await, Vec::<String>::new());

    let back = RollbackOptions { to: earlier, restore_deleted: true, keep_offsets: false, pause: false };
    intervention(root).await.rollback(&back).await.unwrap();
    assert_eq!(columns(root).await, now, "what comes back has them, too");
    let mut w = writer(root).await;
    commit(&mut w, vec![upsert("s/b", "bee again", acl(&["g"]))]).await;
    assert_eq!(wrong(root).await, Vec::<String>::new());
}
