//! A folder that is followed: what is said of each change, and what is not.

use std::time::{Duration, Instant};

use alluvium_core::clock::SystemClock;
use alluvium_core::source::{SourceBatch, SourceError};

use super::switched::switch;
use super::*;
use crate::filesystem::{FilesystemFollow, FollowSettings};

/// Long enough that a test that needs all of it has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// A source that follows, and what the index would hold by what it said.
pub(super) struct Follower {
    source: FilesystemFollow,
    room: Room,
    /// Content hash and hash of the access list of each document.
    pub(super) held: BTreeMap<String, (Option<Sha256>, Option<Sha256>)>,
    /// `id verb`, in order, since it was last asked for.
    said: Vec<String>,
    braked: u32,
    positions: Vec<u64>,
}

impl Follower {
    pub(super) fn new(world: &World, reconcile_interval: Duration) -> Self {
        let settings = FollowSettings { reconcile_interval, settle: Duration::from_millis(40) };
        let source = FilesystemFollow::new(
            world.spec.clone(),
            world.known.clone(),
            world.fingerprint.clone(),
            world.position,
            Arc::new(SystemClock),
            settings,
        );
        let source = source.unwrap();
        let (held, said, positions) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { source, room: world.room, held, said, braked: 0, positions }
    }

    /// One that never scans the whole tree again by itself, and has done so once.
    async fn quiet(world: &World) -> Self {
        let mut follower = Self::new(world, Duration::from_secs(3600));
        follower.until("the first scan", |f| !f.positions.is_empty()).await;
        follower.said.clear();
        follower
    }

    fn take(&mut self, batch: SourceBatch) {
        assert!(batch.changes.len() <= self.room.changes && batch.unchanged <= batch.seen);
        self.braked += u32::from(batch.braked.is_some());
        self.positions.extend(batch.deltas.iter().map(|delta| delta.through));
        for change in &batch.changes {
            self.said.push(format!("{} {}", change.doc_id.local(), verb(change)));
            self.hold(change);
        }
    }

    /// Takes what comes for some time, and drops the rest of the wait.
    pub(super) async fn listen(&mut self, patience: Duration) {
        if let Ok(batch) = tokio::time::timeout(patience, self.source.next(self.room)).await {
            self.take(batch.unwrap().unwrap());
        }
    }

    pub(super) fn hold(&mut self, change: &DocumentChange) {
        let local = change.doc_id.local();
        if matches!(change.content, Some(ContentChange::Delete { .. })) {
            assert!(self.held.remove(local).is_some(), "{local} is deleted and was not there");
            return;
        }
        let held = self.held.entry(local.to_owned()).or_default();
        match &change.content {
            Some(ContentChange::Upsert(upsert)) => held.0 = Some(upsert.hash.clone()),
            Some(ContentChange::Refused { hash, .. }) => held.0 = hash.clone(),
            _ => {}
        }
        match &change.access {
            AccessChange::Declared { acl, .. } => held.1 = Some(acl.hash()),
            AccessChange::Unreadable { .. } => held.1 = Some(Acl::nobody().hash()),
            AccessChange::Unsaid { .. } => {}
        }
    }

    /// Takes batches until `done`.
    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = tokio::time::timeout(left, self.source.next(self.room)).await;
            let batch = next.unwrap_or_else(|_| panic!("{what}: only {:?}", self.said));
            self.take(batch.unwrap().expect("it never ends"));
        }
    }

    /// Takes batches until exactly this was said, in any order.
    async fn says(&mut self, expected: &[&str]) {
        self.until(&format!("{expected:?}"), |f| f.said.len() >= expected.len()).await;
        let mut said = std::mem::take(&mut self.said);
        said.sort_unstable();
        assert_eq!(said, expected);
    }

    /// A change that is heard after all that came before it: what was to be said was said before this.
    async fn says_nothing_but(&mut self, world: &World, mark: &str) {
        world.write(mark, mark);
        self.says(&[&format!("{mark} upsert")]).await;
    }

    async fn fails(&mut self) -> SourceError {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.source.next(self.room)).await.unwrap() {
                Ok(batch) => self.take(batch.unwrap()),
                Err(error) => return error,
            }
        }
    }
}

fn many(count: usize) -> World {
    let files: Vec<(String, String)> = (0..count).map(|i| (format!("d{i}/f.md"), i.to_string())).collect();
    World::new(&files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect::<Vec<_>>())
}

#[tokio::test]
async fn files_come_change_move_and_go() {
    let world = many(4);
    let mut follower = Follower::quiet(&world).await;
    assert_eq!((follower.held.len(), follower.positions.as_slice()), (4, [1].as_slice()));
    world.write("new.md", "1");
    follower.says(&["new.md upsert"]).await;
    world.write("new.md", "2");
    follower.says(&["new.md upsert"]).await;
    std::fs::rename(world.path("new.md"), world.path("d0/moved.md")).unwrap();
    follower.says(&["d0/moved.md upsert", "new.md delete"]).await;
    world.remove("d0/moved.md");
    follower.says(&["d0/moved.md delete"]).await;
    std::fs::rename(world.path("d1"), world.path("e1")).unwrap();
    follower.says(&["d1/f.md delete", "e1/f.md upsert"]).await;
    world.write("e1/f.md", "heard in the folder's new place");
    follower.says(&["e1/f.md upsert"]).await;
    std::fs::rename(world.path("e1"), world.folder.path().join("outside")).unwrap();
    follower.says(&["e1/f.md delete"]).await;
    std::fs::write(world.folder.path().join("outside/g.md"), "not ours any more").unwrap();
    follower.says_nothing_but(&world, "mark.md").await;
    assert_eq!(follower.positions, [1], "only scans of the whole tree are progress");
}

#[tokio::test]
async fn what_is_known_is_not_said_again() {
    let mut world = many(4);
    world.ahead = SignedDuration::ZERO;
    world.scan().await;
    let mut follower = Follower::new(&world, Duration::from_millis(20));
    follower.until("three scans", |f| f.positions.len() >= 3).await;
    assert!(follower.said.is_empty());
    assert_eq!(follower.positions.get(..3), Some([2, 3, 4].as_slice()));
}

#[tokio::test]
async fn new_folders_are_heard_with_what_was_put_into_them_at_once() {
    let world = many(1);
    let mut follower = Follower::quiet(&world).await;
    world.write("a/b/c/d/one.md", "1");
    world.write("a/b/two.md", "2");
    follower.says(&["a/b/c/d/one.md upsert", "a/b/two.md upsert"]).await;
    world.write("a/b/c/three.md", "3");
    world.write("a/b/c/d/e/f/four.md", "4");
    follower.says(&["a/b/c/d/e/f/four.md upsert", "a/b/c/three.md upsert"]).await;
    world.write("a/b/c/d/e/five.md", "5");
    follower.says(&["a/b/c/d/e/five.md upsert"]).await;
}

#[tokio::test]
async fn sidecars_of_files_and_folders_move_access_only() {
    let world = World::new(&[("a/one.md", "1"), ("a/two.md", "2"), ("b.md", "B"), ("a/in/three.md", "3")]);
    let mut follower = Follower::quiet(&world).await;
    world.write("a/one.md.acl.toml", "readers = ['one']");
    follower.says(&["a/one.md acl"]).await;
    world.write("a/.acl.toml", "readers = ['a']");
    follower.says(&["a/in/three.md acl", "a/two.md acl"]).await;
    world.write("a/in/late.md", "L");
    follower.says(&["a/in/late.md upsert"]).await;
    assert_eq!(follower.held["a/in/late.md"].1, Some(acl("a").hash()), "lists above count");
    world.write("a/.acl.toml", "readers = [");
    follower.says(&["a/in/late.md acl", "a/in/three.md acl", "a/two.md acl"]).await;
    assert_eq!(follower.held["a/two.md"].1, Some(Acl::nobody().hash()), "a bad list hides");
    world.remove("a/.acl.toml");
    follower.says(&["a/in/late.md acl", "a/in/three.md acl", "a/two.md acl"]).await;
    world.remove("a/one.md.acl.toml");
    follower.says(&["a/one.md acl"]).await;
    world.write(".acl.toml", "readers = ['root']");
    follower.until("the root's list", |f| f.held.values().all(|h| h.1 == Some(acl("root").hash()))).await;
    assert!(follower.said.iter().all(|said| said.ends_with(" acl")), "{:?}", follower.said);
}

#[tokio::test]
async fn a_save_by_rename_is_one_change_and_temporary_files_are_none() {
    let mut world = World::new(&[("a.md", "1")]);
    world.spec.exclude = vec!["**/*~".to_owned(), "drafts/**".to_owned()];
    let mut follower = Follower::quiet(&world).await;
    for i in 0..5 {
        world.write("a.md.swp", "temporary");
        world.write("drafts/x.md", "excluded");
        world.write("pic.png", "of no supported type");
        world.write(".a.md.tmp", &format!("version {i}"));
        std::fs::rename(world.path("a.md"), world.path("a.md~")).unwrap();
        std::fs::rename(world.path(".a.md.tmp"), world.path("a.md")).unwrap();
        world.remove("a.md.swp");
        follower.says(&["a.md upsert"]).await;
    }
    // The same content, written again.
    world.write("a.md", "version 4");
    follower.says_nothing_but(&world, "mark.md").await;
}

#[tokio::test]
async fn what_is_gone_before_the_index_had_it_is_deleted() {
    let world = many(4);
    let mut follower = Follower::quiet(&world).await;
    for _ in 0..3 {
        world.write("brief.md", "B");
        follower.says(&["brief.md upsert"]).await;
        world.remove("brief.md");
        follower.says(&["brief.md delete"]).await;
    }
}

#[tokio::test]
async fn a_burst_comes_in_batches_within_the_room() {
    let mut world = many(1);
    world.room = Room { bytes: 2000, changes: 100 };
    let mut follower = Follower::quiet(&world).await;
    for i in 0..2000 {
        world.write(format!("burst/{}/{i}.md", i % 7), &i.to_string());
    }
    follower.until("the burst", |f| f.said.len() >= 2000).await;
    assert_eq!(follower.said.iter().collect::<std::collections::BTreeSet<_>>().len(), 2000, "each once");
    follower.said.clear();
    follower.says_nothing_but(&world, "mark.md").await;
}

#[tokio::test]
async fn a_file_that_grows_is_said_in_the_end_and_does_not_hold_up_others() {
    use std::io::Write;
    let world = many(1);
    let mut follower = Follower::quiet(&world).await;
    let mut log = std::fs::File::create(world.path("log.txt")).unwrap();
    world.write("other.md", "O");
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut written = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && written < 900 {
                log.write_all(b"x").unwrap();
                written += 1;
                std::thread::park_timeout(Duration::from_millis(5));
            }
            written
        }
    });
    follower.until("both", |f| f.held.contains_key("log.txt") && f.held.contains_key("other.md")).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let all = Sha256::of("x".repeat(writer.join().unwrap()));
    follower.until("all of it", |f| f.held["log.txt"].0.as_ref() == Some(&all)).await;
}

#[tokio::test]
async fn a_link_changes_with_its_target() {
    let world = World::new(&[("a/real.md", "R"), ("b.md", "B"), ("c.md", "C")]);
    std::os::unix::fs::symlink("a/real.md", world.path("link.md")).unwrap();
    let mut follower = Follower::quiet(&world).await;
    world.write("a/real.md", "R2");
    follower.says(&["a/real.md upsert", "link.md upsert"]).await;
    std::fs::rename(world.path("a"), world.path("z")).unwrap();
    follower.says(&["a/real.md delete", "link.md delete", "z/real.md upsert"]).await;
}

#[tokio::test]
async fn the_brake_is_told_when_it_changes_and_lets_go_when_the_files_are_back() {
    let world = many(10);
    let mut follower = Follower::quiet(&world).await;
    for i in 0..8 {
        std::fs::remove_dir_all(world.path(format!("d{i}"))).unwrap();
    }
    follower.until("the brake", |f| f.braked > 0).await;
    // What went in the same breath may have been said before it was too much.
    let deleted = follower.said.len();
    assert!(deleted <= 5, "{:?}", follower.said);
    follower.said.clear();
    follower.says_nothing_but(&world, "mark.md").await;
    let told = follower.braked;
    world.write("mark2.md", "M");
    follower.until("another change", |f| f.said.iter().any(|said| said == "mark2.md upsert")).await;
    assert!(!follower.said.iter().any(|said| said.ends_with("delete")), "{:?}", follower.said);
    assert_eq!(follower.braked, told, "nothing more is withheld");
    follower.said.clear();
    for i in 0..8 {
        world.write(format!("d{i}/f.md"), &i.to_string());
    }
    follower.until("what was deleted", |f| f.said.len() >= deleted).await;
    assert!(follower.held.len() == 12 && follower.said.iter().all(|said| said.ends_with("upsert")));
    follower.said.clear();
    world.remove("d0/f.md");
    follower.says(&["d0/f.md delete"]).await;
}

#[tokio::test]
async fn a_root_that_is_gone_deletes_nothing_and_is_followed_again_when_it_is_back() {
    let world = many(3);
    let mut follower = Follower::quiet(&world).await;
    let away = world.folder.path().join("away");
    std::fs::rename(&world.spec.root, &away).unwrap();
    for _ in 0..2 {
        assert!(matches!(follower.fails().await, SourceError::Unavailable { .. }));
    }
    assert!(follower.said.is_empty() && follower.held.len() == 3);
    std::fs::create_dir(&world.spec.root).unwrap();
    for i in 0..3 {
        world.write(format!("d{i}/f.md"), &i.to_string());
    }
    follower.until("the scan", |f| f.positions == [1, 2]).await;
    world.write("d0/f.md", "changed");
    follower.says(&["d0/f.md upsert"]).await;
}

#[tokio::test]
async fn without_a_watch_the_scans_of_the_whole_tree_find_everything() {
    let world = many(4);
    let mut follower = Follower::quiet(&world).await;
    // What a lost event looks like: the tree is another one, and nothing was heard.
    follower.source.heard.dirty().lose(crate::filesystem::dirty::Lost::Watch);
    world.write("unheard.md", "U");
    follower.says(&["unheard.md upsert"]).await;
    assert_eq!(follower.positions.len(), 2, "it was a scan of the whole tree");
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let world = many(2);
    let mut follower = Follower::quiet(&world).await;
    for i in 0..20 {
        world.write(format!("{i}.md"), "new");
        // Dropped at its first pause, whatever that is.
        tokio::select! {
            biased;
            batch = follower.source.next(follower.room) => follower.take(batch.unwrap().unwrap()),
            () = tokio::time::sleep(Duration::from_millis(5 * i)) => {}
        }
    }
    follower.until("all", |f| f.held.len() == 22).await;
    assert_eq!(follower.said.len(), 20);
}

#[tokio::test]
async fn metadata_is_on_every_document() {
    let mut world = World::new(&[("a.md", "1")]);
    world.spec.metadata = vec!["team=people".to_owned(), "area=x".to_owned()];
    let outcome = world.look().await;
    let Some(ContentChange::Upsert(upsert)) = &outcome.changes[0].content else { panic!() };
    assert_eq!(upsert.metadata, ["area=x", "team=people"]);
}

#[tokio::test]
async fn a_mounted_configuration_that_is_switched_changes_in_place() {
    let world = World::new(&[("..2026_1/a.md", "A"), ("..2026_1/b.md", "B"), ("plain.md", "P")]);
    switch(&world, "..data", "..2026_1");
    for name in ["a.md", "b.md"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), world.path(name)).unwrap();
    }
    let mut follower = Follower::quiet(&world).await;
    assert_eq!(follower.held.keys().collect::<Vec<_>>(), ["a.md", "b.md", "plain.md"]);
    world.write("..2026_2/a.md", "A");
    world.write("..2026_2/b.md", "B2");
    switch(&world, "..data", "..2026_2");
    follower.says(&["b.md upsert"]).await;
    std::fs::remove_dir_all(world.path("..2026_1")).unwrap();
    follower.says_nothing_but(&world, "mark.md").await;
}

#[tokio::test]
async fn a_folder_that_a_link_names_is_followed_and_switched() {
    let world = World::new(&[(".worktrees/a/x.md", "X"), (".worktrees/a/in/y.md", "Y")]);
    switch(&world, "current", ".worktrees/a");
    let mut follower = Follower::quiet(&world).await;
    assert_eq!(follower.held.keys().collect::<Vec<_>>(), ["current/in/y.md", "current/x.md"]);
    world.write(".worktrees/a/in/y.md", "Y2");
    world.write(".worktrees/a/in/new.md", "N");
    follower.says(&["current/in/new.md upsert", "current/in/y.md upsert"]).await;
    world.remove(".worktrees/a/in/new.md");
    follower.says(&["current/in/new.md delete"]).await;
    world.write(".worktrees/a/in/.acl.toml", "readers = ['in']");
    follower.says(&["current/in/y.md acl"]).await;
    world.write(".worktrees/b/x.md", "X");
    world.write(".worktrees/b/in/y.md", "Y3");
    switch(&world, "current", ".worktrees/b");
    std::fs::remove_dir_all(world.path(".worktrees/a")).unwrap();
    follower.says(&["current/in/y.md upsert"]).await;
    world.write(".worktrees/b/x.md", "X2");
    follower.says(&["current/x.md upsert"]).await;
}

#[tokio::test]
async fn a_root_that_is_switched_is_heard() {
    let mut world = World::new(&[("rev-a/x.md", "X"), ("rev-b/x.md", "X2"), ("rev-b/y.md", "Y")]);
    switch(&world, "current", "rev-a");
    let above = world.spec.root.clone();
    world.spec.root = above.join("current");
    let mut follower = Follower::quiet(&world).await;
    std::os::unix::fs::symlink("rev-b", above.join("switching")).unwrap();
    std::fs::rename(above.join("switching"), above.join("current")).unwrap();
    follower.says(&["x.md upsert", "y.md upsert"]).await;
    std::fs::write(above.join("rev-b/y.md"), "Y2").unwrap();
    follower.says(&["y.md upsert"]).await;
}

#[tokio::test]
async fn what_stays_out_is_not_heard_of() {
    let mut world =
        World::new(&[("a.md", "A"), ("index/x.md", "ours"), (".git/x.md", "G"), ("sub/s.md", "S")]);
    world.spec.apart = vec![world.path("index")];
    let mut follower = Follower::quiet(&world).await;
    world.write("index/y.md", "ours");
    world.write(".git/y.md", "G");
    world.write(".new/z.md", "N");
    world.write("sub/~$s.md", "O");
    follower.says_nothing_but(&world, "mark.md").await;
    world.write("sub/.alluviumignore", "s.md\n");
    follower.says(&["sub/s.md delete"]).await;
    world.write("sub/.alluviumignore", "t.md\n");
    follower.says(&["sub/s.md upsert"]).await;
    world.write(".alluviumignore", "sub\n");
    follower.says(&["sub/s.md delete"]).await;
}

#[tokio::test]
async fn a_misnamed_list_hides_while_it_is_there() {
    let mut world = World::new(&[("a/report.md", "R"), ("a/other.md", "O"), ("b/c.md", "C")]);
    let heard = world.hear();
    let mut follower = Follower::quiet(&world).await;
    world.write("a/report.acl.toml", "readers = ['few']");
    follower.says(&["a/report.md acl"]).await;
    assert_eq!(follower.held["a/report.md"].1, Some(Acl::nobody().hash()));
    assert_eq!(heard.subjects(), ["a/report.acl.toml"]);
    // The list before its document.
    world.write("a/late.acl.toml", "readers = ['few']");
    follower.says_nothing_but(&world, "mark.md").await;
    world.write("a/late.md", "L");
    follower.says(&["a/late.md upsert"]).await;
    assert_eq!(follower.held["a/late.md"].1, Some(Acl::nobody().hash()));
    std::fs::rename(world.path("a/report.acl.toml"), world.path("a/report.md.acl.toml")).unwrap();
    follower.says(&["a/report.md acl"]).await;
    assert_eq!(follower.held["a/report.md"].1, Some(acl("few").hash()));
    world.write("b.acl.toml", "readers = ['few']");
    follower.says(&["b/c.md acl"]).await;
    world.remove("b.acl.toml");
    follower.says(&["b/c.md acl"]).await;
    assert_eq!(follower.held["b/c.md"].1, Some(acl("default").hash()));
}

/// Waits until a save was heard and left alone for long enough.
async fn until_ripe(follower: &Follower) {
    let deadline = Instant::now() + DEADLINE;
    while follower
        .source
        .heard
        .dirty()
        .ahead_at(Duration::from_millis(40))
        .is_none_or(|at| at > tokio::time::Instant::now())
    {
        assert!(Instant::now() < deadline, "the save is not heard");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_save_during_a_scan_is_said_within_two_batches() {
    let mut world = many(40);
    world.room.changes = 1;
    let mut follower = Follower::new(&world, Duration::from_secs(3600));
    follower.until("the scan has begun", |f| f.said.len() == 1).await;
    for saved in ["d39/f.md", "new.md"] {
        world.write(saved, "saved");
        until_ripe(&follower).await;
        let before = follower.said.len();
        follower.until(saved, |f| f.said.contains(&format!("{saved} upsert"))).await;
        assert!(follower.said.len() <= before + 2, "{:?}", follower.said);
    }
    assert!(follower.positions.is_empty(), "the scan goes on");
    world.remove("new.md");
    follower.until("the scan's end", |f| !f.positions.is_empty()).await;
    follower.until("the end of what is gone", |f| f.said.iter().any(|s| s == "new.md delete")).await;
    assert_eq!(follower.said.len(), 42, "each is said once: {:?}", follower.said);
    assert_eq!((follower.held.len(), follower.braked), (40, 0));
}

#[tokio::test]
async fn a_save_is_said_while_there_is_no_room_for_a_scan() {
    let mut world = many(40);
    world.room.changes = 1;
    let mut follower = Follower::new(&world, Duration::from_secs(3600));
    follower.until("the scan has begun", |f| f.said.len() == 1).await;
    let nothing =
        tokio::time::timeout(Duration::from_millis(20), follower.source.next_live(world.room)).await;
    assert!(nothing.is_err(), "the scan is not live");
    world.write("new.md", "new");
    let live = tokio::time::timeout(DEADLINE, follower.source.next_live(world.room)).await;
    let live = live.unwrap().unwrap().unwrap();
    assert!(live.live && live.changes.len() == 1);
    follower.take(live);
    assert_eq!(follower.said[1], "new.md upsert");
    follower.until("the scan's end", |f| !f.positions.is_empty()).await;
    assert_eq!(follower.held.len(), 41);
}

#[tokio::test]
async fn a_save_that_a_misnamed_list_may_be_meant_for_waits_for_the_scan() {
    let mut world = many(40);
    world.room.changes = 1;
    let mut follower = Follower::new(&world, Duration::from_secs(3600));
    follower.until("the scan has begun", |f| f.said.len() == 1).await;
    world.write("report.acl.toml", "readers = ['few']");
    world.write("report.md", "R");
    while !follower.source.heard.dirty().paths().contains(Path::new("report.md")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Both are left alone for long enough.
    tokio::time::sleep(Duration::from_millis(120)).await;
    follower.until("the scan's end", |f| !f.positions.is_empty()).await;
    follower.until("the report", |f| f.said.contains(&"report.md upsert".to_owned())).await;
    assert_eq!(follower.held["report.md"].1, Some(Acl::nobody().hash()), "it was never served to all");
}
