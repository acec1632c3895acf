//! What counts as a change of content.

use std::time::{Duration, SystemTime};

use super::*;
use crate::filesystem::stamp::FileStat;

#[tokio::test]
async fn a_scan_gives_everything_and_the_next_one_nothing() {
    let mut world = World::new(&[("b.md", "B"), ("a/x y.txt", "X"), ("pic.png", "P")]);
    let first = world.scan().await;
    assert_eq!(first.verbs(), ["a/x y.txt upsert", "b.md upsert"]);
    assert_eq!((first.seen, first.unchanged, first.skipped), (3, 0, 1));
    assert_eq!((first.deltas[0].after, first.deltas[0].through), (None, 1));
    assert!(first.deltas[0].watermark.is_some());

    let Some(ContentChange::Upsert(upsert)) = &first.changes[0].content else { panic!() };
    assert_eq!((upsert.bytes.as_slice(), &upsert.hash), (b"X".as_slice(), &Sha256::of("X")));
    let root = world.spec.root.canonicalize().unwrap();
    assert_eq!(upsert.uri, format!("file://{}/a/x%20y.txt", root.display()));
    assert!(upsert.modified_at.is_some());
    assert_eq!(first.changes[0].origin.position, "scan");

    let second = world.scan().await;
    assert!(second.verbs().is_empty());
    assert_eq!((second.seen, second.unchanged), (3, 2));
    assert_eq!((second.deltas[0].after, second.deltas[0].through), (Some(1), 2));
}

#[tokio::test]
async fn globs() {
    let mut world = World::new(&[
        ("a.md", ""),
        ("x/b.md", ""),
        ("x/y/c.md", ""),
        ("x/y/c.txt", ""),
        (".git/d.md", ""),
        ("drafts/e.md", ""),
    ]);
    world.spec.exclude = vec!["drafts/**".to_owned(), ".git/**".to_owned()];
    let ids =
        |outcome: Outcome| outcome.changes.iter().map(|c| c.doc_id.local().to_owned()).collect::<Vec<_>>();
    world.spec.include = vec!["**/*.md".to_owned()];
    assert_eq!(ids(world.look().await), ["a.md", "x/b.md", "x/y/c.md"]);
    world.spec.include = vec!["x/*".to_owned()];
    assert_eq!(ids(world.look().await), ["x/b.md"]);
    world.spec.include = vec!["x/**".to_owned()];
    assert_eq!(ids(world.look().await), ["x/b.md", "x/y/c.md", "x/y/c.txt"]);
    world.spec.exclude.clear();
    world.spec.include = vec!["**/*".to_owned()];
    assert_eq!(world.look().await.seen, 5, "dot folders are hidden");
    world.spec.hidden = true;
    assert_eq!(world.look().await.seen, 6, "dot folders are folders");
}

#[tokio::test]
async fn a_touch_is_no_change_and_an_edit_is() {
    let mut world = World::new(&[("a.md", "one"), ("b.md", "same")]);
    world.scan().await;
    let file = std::fs::File::options().write(true).open(world.path("b.md")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(500)).unwrap();
    world.write("a.md", "two");
    let outcome = world.scan().await;
    assert_eq!(outcome.verbs(), ["a.md upsert"]);
    assert_eq!(outcome.unchanged, 1);
}

#[tokio::test]
async fn equal_stamps_stand_for_equal_content_only_when_settled() {
    for (ahead, expected) in [(SignedDuration::from_hours(1), 0), (SignedDuration::ZERO, 1)] {
        let mut world = World::new(&[("a.md", "one")]);
        world.ahead = ahead;
        world.scan().await;
        // The index's copy is another one, and the stamp says that the file is as it was then: exactly
        // what an edit within the clock's grain looks like.
        world.known.get_mut("a.md").unwrap().content_hash = Some(Sha256::of("before the edit"));
        assert_eq!(world.look().await.changes.len(), expected, "{ahead:?}");
    }
}

#[tokio::test]
async fn another_pipeline_or_reprocess_all_does_everything_again() {
    let mut world = World::new(&[("a.md", "one")]);
    world.scan().await;
    world.fingerprint = Sha256::of("another");
    assert_eq!(world.scan().await.verbs(), ["a.md upsert"]);
    assert!(world.look().await.changes.is_empty());
    world.reprocess = Reprocess::All;
    assert_eq!(world.look().await.verbs(), ["a.md upsert"]);
}

#[tokio::test]
async fn quarantined_content_is_not_offered_again() {
    let mut world = World::new(&[("a.md", "bad")]);
    world.scan().await;
    world.known.get_mut("a.md").unwrap().state = DocumentState::Quarantined;
    assert!(world.look().await.changes.is_empty());
    world.write("a.md", "mended");
    assert_eq!(world.look().await.verbs(), ["a.md upsert"]);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_once() {
    let mut world =
        World::new(&[("a.md", "small"), ("big.md", &"x".repeat(1001)), ("fits.md", &"x".repeat(1000))]);
    assert_eq!(world.scan().await.verbs(), ["a.md upsert", "big.md too_large", "fits.md upsert"]);
    let again = world.scan().await;
    assert!(again.verbs().is_empty());
    assert_eq!(again.unchanged, 3);
    world.spec.max_file_size = 2000;
    assert_eq!(world.scan().await.verbs(), ["big.md upsert"], "the limit was the reason");
    // And back: an indexed document that grew out of the limit keeps its last good version.
    world.spec.max_file_size = 4;
    assert_eq!(world.scan().await.verbs(), ["a.md too_large", "big.md too_large", "fits.md too_large"]);
    assert!(world.scan().await.verbs().is_empty());
    world.spec.max_file_size = 2000;
    assert_eq!(world.scan().await.changes.len(), 3);
}

#[tokio::test]
async fn batches_stay_within_their_room() {
    let files: Vec<(String, String)> = (0..50).map(|i| (format!("{i:02}.md"), "x".repeat(i * 7))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let mut world = World::new(&files);
    for (bytes, changes) in [(400, 3), (1, 10), (0, 0), (1 << 20, 7)] {
        world.room = Room { bytes, changes };
        let outcome = world.look().await;
        assert_eq!(outcome.changes.len(), 50);
        assert!(outcome.batches > 7);
        assert_eq!(outcome.seen, 50);
    }
    world.scan().await;
    std::fs::remove_dir_all(&world.spec.root).unwrap();
    std::fs::create_dir(&world.spec.root).unwrap();
    world.spec.allow_deletes = true;
    assert_eq!(world.look().await.changes.len(), 50, "deletions take room, too");
}

#[tokio::test]
async fn a_large_flat_folder() {
    let mut world = World::new(&[]);
    for i in 0..5000 {
        std::fs::write(world.path(format!("{i}.txt")), i.to_string()).unwrap();
    }
    assert_eq!(world.scan().await.changes.len(), 5000);
    let again = world.scan().await;
    assert_eq!((again.unchanged, again.changes.len()), (5000, 0));
    assert!(again.batches > 2, "progress shows though nothing changes");
}

#[tokio::test]
async fn a_file_that_goes_between_listing_and_reading_is_deleted() {
    let mut world = World::new(&[("a.md", "A"), ("b.md", "B"), ("c.md", "C")]);
    world.scan().await;
    let mut source = world.source();
    source.list().await.unwrap();
    assert_eq!(source.expected(), Some(3));
    world.remove("b.md");
    let batches = drain(&mut source, world.room).await.unwrap();
    let verbs: Vec<String> = batches.iter().flat_map(|b| &b.changes).map(verb).collect();
    assert_eq!(verbs, ["delete"]);
    assert!(batches.iter().all(|b| b.braked.is_none()));
}

#[tokio::test]
async fn a_file_that_appears_during_the_listing_is_not_deleted() {
    // The listing sees nothing, as if the file had been replaced by a rename at that moment.
    let mut world = World::new(&[("a.md", "A")]);
    world.scan().await;
    world.read_dir = Some(|_| Ok(Vec::new()));
    world.spec.allow_deletes = true;
    let outcome = world.look().await;
    assert!(outcome.verbs().is_empty());
    assert_eq!(outcome.deltas[0].watermark, None, "not all of it was looked at");
}

#[test]
fn what_grows_while_it_is_read_is_not_steady() {
    use crate::filesystem::read::{Outcome, read};
    use crate::filesystem::root::Root;
    let root = Root::open(Path::new("/proc/self")).unwrap();
    // A file of the kernel says that it has no bytes and has some.
    let Outcome::Read { bytes, steady, stat } = read(&root, Path::new("status"), 1 << 20) else { panic!() };
    assert!(!bytes.is_empty() && !steady);
    let FileStat { size, .. } = stat;
    assert_eq!(size, 0);
    assert!(matches!(read(&root, Path::new("status"), 10), Outcome::Refused { .. }));
    // Nor can the first page of any process's memory be read, not even by root.
    let Outcome::Refused { refusal, stat } = read(&root, Path::new("mem"), 10) else { panic!() };
    assert_eq!((refusal.cause.to_string().as_str(), stat.is_some()), ("unreadable", true));
}
