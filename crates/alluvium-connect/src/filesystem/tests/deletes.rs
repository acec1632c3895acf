//! Renames, deletions and the brake.

use std::io;

use super::*;
use crate::filesystem::listing::read_dir;

fn ten() -> World {
    let files: Vec<(String, String)> = (0..10).map(|i| (format!("d{i}/f.md"), i.to_string())).collect();
    World::new(&files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_rename_is_an_upsert_and_a_delete_last() {
    let mut world = World::new(&[("a.md", "A"), ("b.md", "B")]);
    world.scan().await;
    std::fs::rename(world.path("a.md"), world.path("z.md")).unwrap();
    assert_eq!(world.scan().await.verbs(), ["z.md upsert", "a.md delete"]);
    assert!(world.scan().await.changes.is_empty(), "a deletion is not repeated");
    world.write("a.md", "A");
    assert_eq!(world.scan().await.verbs(), ["a.md upsert"], "what was deleted comes back whole");
}

#[tokio::test]
async fn what_the_globs_no_longer_admit_is_deleted() {
    let mut world = World::new(&[("a.md", "A"), ("b.txt", "B"), ("c.md", "C")]);
    world.scan().await;
    world.spec.exclude = vec!["*.txt".to_owned()];
    assert_eq!(world.scan().await.verbs(), ["b.txt delete"]);
}

#[tokio::test]
async fn the_brake() {
    let mut world = ten();
    world.scan().await;
    for i in 0..7 {
        world.remove(&format!("d{i}/f.md"));
    }
    let braked = world.scan().await;
    assert!(braked.changes.is_empty() && braked.deltas.is_empty());
    let listing = braked.braked.unwrap().0;
    assert_eq!((listing.listed, listing.known, listing.missing), (3, 10, 7));
    world.write("new.md", "N");
    assert_eq!(world.scan().await.verbs(), ["new.md upsert"], "only deletions are withheld");
    world.remove("new.md");
    world.spec.allow_deletes = true;
    assert_eq!(world.scan().await.changes.len(), 8);
}

#[tokio::test]
async fn an_empty_root_deletes_nothing_and_a_missing_one_is_an_error() {
    let mut world = ten();
    world.scan().await;
    std::fs::remove_dir_all(&world.spec.root).unwrap();
    let error = world.source().next(world.room).await.unwrap_err();
    assert!(error.to_string().contains("can't be listed"), "{error}");
    std::fs::write(world.folder.path().join("root-is-a-file"), "").unwrap();
    world.spec.root = world.folder.path().join("root-is-a-file");
    assert!(world.source().next(world.room).await.is_err());
    world.spec.root = world.folder.path().join("root");
    std::fs::create_dir(&world.spec.root).unwrap();
    assert!(world.look().await.braked.is_some());
}

/// Lists, but for folders that are called `locked`.
fn locked(path: &Path) -> io::Result<Vec<(std::ffi::OsString, crate::filesystem::listing::Kind)>> {
    if path.ends_with("locked") { Err(io::ErrorKind::PermissionDenied.into()) } else { read_dir(path) }
}

#[tokio::test]
async fn documents_in_a_folder_that_cannot_be_listed_stay() {
    let mut world =
        World::new(&[("a.md", "A"), ("gone.md", "G"), ("locked/in/x.md", "X"), ("locked2.md", "L")]);
    world.write("locked/y\n.md", "Y");
    world.scan().await;
    world.remove("gone.md");
    world.read_dir = Some(locked);
    let outcome = world.scan().await;
    assert_eq!(outcome.verbs(), ["gone.md delete"]);
    assert_eq!(outcome.deltas.len(), 1);
    assert_eq!(outcome.deltas[0].watermark, None, "the scan does not contain all");
    world.read_dir = None;
    assert!(world.look().await.changes.is_empty());
}

#[tokio::test]
async fn a_root_that_cannot_be_listed_is_an_error() {
    let mut world = ten();
    world.scan().await;
    world.read_dir = Some(|_| Err(io::ErrorKind::PermissionDenied.into()));
    assert!(world.source().next(world.room).await.is_err());
}

#[tokio::test]
async fn a_folder_that_became_a_link_out_takes_its_documents_along() {
    let mut world = ten();
    world.scan().await;
    std::fs::rename(world.path("d3"), world.folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.folder.path().join("elsewhere"), world.path("d3")).unwrap();
    assert_eq!(world.scan().await.verbs(), ["d3/f.md delete"]);
}
