//! Links, special files, and names that can't be ids.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

#[tokio::test]
async fn links_stay_within_the_root() {
    let mut world = World::new(&[("a/real.md", "R"), ("z.md", "Z")]);
    let outside = world.folder.path().join("outside.md");
    std::fs::write(&outside, "secret").unwrap();
    symlink(&outside, world.path("out.md")).unwrap();
    symlink("../outside.md", world.path("out-relative.md")).unwrap();
    symlink("a/real.md", world.path("in.md")).unwrap();
    symlink(world.path("a/real.md"), world.path("in-absolute.md")).unwrap();
    symlink("in.md", world.path("in-twice.md")).unwrap();
    symlink("nowhere.md", world.path("broken.md")).unwrap();
    symlink("self.md", world.path("self.md")).unwrap();
    symlink("..", world.path("a/cycle")).unwrap();
    symlink(".", world.path("dot.md")).unwrap();
    symlink(world.folder.path(), world.path("up")).unwrap();
    let outcome = world.scan().await;
    assert_eq!(
        outcome.verbs(),
        ["a/real.md upsert", "in-absolute.md upsert", "in-twice.md upsert", "in.md upsert", "z.md upsert"]
    );
    assert_eq!(outcome.skipped, 7);
    world.write("a/real.md", "R2");
    assert_eq!(world.scan().await.changes.len(), 4, "a link changes with its target");
    world.remove("in.md");
    symlink(&outside, world.path("in.md")).unwrap();
    assert_eq!(world.scan().await.verbs(), ["in-twice.md delete", "in.md delete"]);
}

#[tokio::test]
async fn a_link_that_comes_after_the_listing_is_not_followed() {
    let world = World::new(&[("a.md", "A"), ("d/b.md", "B")]);
    let outside = world.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("b.md"), "secret").unwrap();
    let mut source = world.source();
    source.list().await.unwrap();
    world.remove("a.md");
    symlink(outside.join("b.md"), world.path("a.md")).unwrap();
    std::fs::remove_dir_all(world.path("d")).unwrap();
    symlink(&outside, world.path("d")).unwrap();
    let batches = drain(&mut source, world.room).await.unwrap();
    assert!(batches.iter().all(|b| b.changes.is_empty()));
}

#[tokio::test]
async fn special_files_do_not_block() {
    let world = World::new(&[("a.md", "A")]);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, world.path("pipe.md"), fifo, 0o644.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.path("s.md")).unwrap();
    assert_eq!(world.look().await.verbs(), ["a.md upsert"]);

    let mut source = world.source();
    source.list().await.unwrap();
    world.remove("a.md");
    rustix::fs::mknodat(rustix::fs::CWD, world.path("a.md"), fifo, 0o644.into(), 0).unwrap();
    assert!(drain(&mut source, world.room).await.unwrap().iter().all(|b| b.changes.is_empty()));
}

#[tokio::test]
async fn names_that_cannot_be_ids_are_refused_once() {
    let mut world = World::new(&[("a%FF.md", "A"), ("new\nline.md", "N"), ("tab\tbed/x.md", "T")]);
    world.write(OsStr::from_bytes(b"a\xff.md"), "bad");
    world.write(OsStr::from_bytes(b"a\xff.png"), "bad, and of no supported type");
    let outcome = world.scan().await;
    assert_eq!(
        outcome.verbs(),
        ["a%FF.md upsert", "./a%FF.md bad_id", "./new%0Aline.md bad_id", "./tab%09bed/x.md bad_id"]
    );
    assert_eq!((outcome.seen, outcome.skipped), (5, 1));
    assert_eq!(world.scan().await.unchanged, 4);
    std::fs::rename(world.path("new\nline.md"), world.path("newline.md")).unwrap();
    assert_eq!(world.scan().await.verbs(), ["newline.md upsert", "./new%0Aline.md delete"]);
}
