//! Random changes to a tree while it is followed. In the end, what was said must be what a scan of the
//! tree finds, and what is known must be what was said.

use std::time::{Duration, Instant};

use super::follow::Follower;
use super::*;

/// A small generator, so that a failure can be had again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn folder(&mut self) -> String {
        let names = ["", "a/", "b/", "a/a/", "a/b/", "b/c/d/"];
        names[self.roll(names.len())].to_owned()
    }

    fn file(&mut self) -> String {
        let names = ["x.md", "y.md", "z.txt", "w.png", "x~"];
        self.folder() + names[self.roll(names.len())]
    }
}

/// The last kind of operation makes links, which are not all followed by what is heard alone.
const ALL_BUT_LINKS: usize = 11;

/// One operation. Most may fail, as nothing is where they look for it.
fn operate(world: &World, dice: &mut Dice, kinds: usize) {
    match dice.roll(kinds) {
        0..=3 => world.write_if_possible(&dice.file(), &dice.roll(5).to_string()),
        4 => drop(std::fs::remove_file(world.path(dice.file()))),
        5 => drop(std::fs::rename(world.path(dice.file()), world.path(dice.file()))),
        6 => drop(std::fs::rename(world.path(dice.folder()), world.path(dice.folder()))),
        7 => drop(std::fs::remove_dir_all(world.path(format!("{}gone", dice.folder())))),
        8 => {
            let folder = dice.folder();
            if !folder.is_empty() {
                drop(std::fs::remove_dir_all(world.path(folder)));
            }
        }
        9 => {
            let sidecar = format!("{}.acl.toml", if dice.roll(2) == 0 { dice.folder() } else { dice.file() });
            world.write_if_possible(&sidecar, ["readers = ['a']", "readers = ['b']", "bad"][dice.roll(3)]);
        }
        10 => {
            let sidecar = format!("{}.acl.toml", if dice.roll(2) == 0 { dice.folder() } else { dice.file() });
            drop(std::fs::remove_file(world.path(sidecar)));
        }
        _ => {
            let (from, to) = (world.path(dice.file()), world.path(dice.file()));
            drop(std::os::unix::fs::symlink(from, to));
        }
    }
}

impl World {
    fn write_if_possible(&self, path: &str, text: &str) {
        let path = self.path(path);
        // Never through a link: that is another file's change.
        drop(std::fs::create_dir_all(path.parent().unwrap()));
        drop(std::fs::remove_file(&path));
        drop(std::fs::write(path, text));
    }
}

/// What a fresh scan holds true of the tree.
async fn truth(world: &World) -> BTreeMap<String, (Option<Sha256>, Option<Sha256>)> {
    let mut follower = Follower::new(world, Duration::from_secs(3600));
    let outcome = world.look().await;
    outcome.changes.iter().for_each(|change| follower.hold(change));
    follower.held
}

async fn run(seed: u64, kinds: usize, reconcile_interval: Duration) {
    let mut world = World::new(&[("a/x.md", "1"), ("keep.md", "K")]);
    world.spec.allow_deletes = true;
    let mut dice = Dice(seed);
    let mut follower = Follower::new(&world, reconcile_interval);
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        for _ in 0..dice.roll(6) {
            operate(&world, &mut dice, kinds);
        }
        let patience = Duration::from_millis(dice.roll(60) as u64);
        follower.listen(patience).await;
    }
    let truth = truth(&world).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while follower.held != truth && Instant::now() < deadline {
        follower.listen(Duration::from_millis(50)).await;
    }
    assert_eq!(follower.held, truth, "seed {seed}");
}

#[tokio::test]
async fn what_was_heard_is_what_a_scan_finds() {
    for seed in [1, 20_261_121, 7_777_777] {
        run(seed, ALL_BUT_LINKS, Duration::from_secs(3600)).await;
    }
}

#[tokio::test]
async fn with_links_it_takes_scans_of_the_whole_tree() {
    for seed in [2, 42] {
        run(seed, ALL_BUT_LINKS + 1, Duration::from_millis(700)).await;
    }
}
