//! Scans of parts of the tree, one after the other, as following makes them.

use std::collections::HashSet;

use super::*;
use crate::filesystem::scan::Scan;
use crate::filesystem::scope::Scope;
use crate::filesystem::tree::Tree;

impl World {
    /// The tree after a scan of all of it.
    fn tree(&self) -> Tree {
        let (spec, known, clock) = (self.spec.clone(), self.known.clone(), Arc::new(Ahead(self.ahead)));
        let fingerprint = self.fingerprint.clone();
        let mut tree = Tree::new(spec, known, fingerprint, self.reprocess, self.position, clock).unwrap();
        part(&mut tree, &[""], &[]);
        tree
    }
}

/// Scans these paths but for what is deferred: what was said, and whether the brake was on.
fn part(tree: &mut Tree, paths: &[&str], deferred: &[&str]) -> (Vec<String>, Option<Brake>) {
    let deferred: HashSet<PathBuf> = deferred.iter().map(PathBuf::from).collect();
    let mut scan = Scan::of(Scope::of(paths.iter().map(PathBuf::from)), deferred);
    let (mut said, mut braked) = (Vec::new(), None);
    while let Some(batch) = scan.next(tree, Room { bytes: 1 << 20, changes: 3 }).unwrap() {
        assert!(scan.is_whole() || batch.deltas.is_empty(), "only a scan of all of it is progress");
        for change in &batch.changes {
            tree.known.note(change, &tree.fingerprint);
            said.push(format!("{} {}", change.doc_id.local(), verb(change)));
        }
        braked = braked.or(batch.braked);
    }
    (said, braked)
}

fn ten() -> World {
    let files: Vec<(String, String)> = (0..10).map(|i| (format!("d{i}/f.md"), i.to_string())).collect();
    World::new(&files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect::<Vec<_>>())
}

#[test]
fn only_the_part_is_looked_at() {
    let world = ten();
    let mut tree = world.tree();
    (0..10).for_each(|i| world.write(format!("d{i}/f.md"), "new"));
    world.remove("d3/f.md");
    world.remove("d4/f.md");
    let (said, braked) = part(&mut tree, &["d1", "d2/f.md", "d3", "nowhere"], &[]);
    assert_eq!(said, ["d1/f.md upsert", "d2/f.md upsert", "d3/f.md delete"]);
    assert!(braked.is_none());
    assert_eq!(part(&mut tree, &["d1", "d2", "d3"], &[]).0, [""; 0]);
}

#[test]
fn what_is_still_written_is_neither_said_nor_deleted() {
    let world = ten();
    let mut tree = world.tree();
    world.write("d1/f.md", "half");
    world.write("d1/new.md", "half");
    world.write("d1/whole.md", "whole");
    let (said, _) = part(&mut tree, &["d1"], &["d1/f.md", "d1/new.md"]);
    assert_eq!(said, ["d1/whole.md upsert"]);
    assert_eq!(part(&mut tree, &["d1"], &[]).0, ["d1/f.md upsert", "d1/new.md upsert"]);
}

#[test]
fn a_tree_that_goes_piece_by_piece_is_braked_as_one() {
    let world = ten();
    let mut tree = world.tree();
    for i in 0..5 {
        world.remove(&format!("d{i}/f.md"));
        let (said, braked) = part(&mut tree, &[&format!("d{i}")], &[]);
        assert_eq!((said, braked), (vec![format!("d{i}/f.md delete")], None));
    }
    world.remove("d5/f.md");
    let braked = part(&mut tree, &["d5"], &[]).1.unwrap().0;
    assert_eq!((braked.listed, braked.known, braked.missing), (4, 10, 1));
    assert!(part(&mut tree, &["d9"], &[]).1.is_some(), "what is withheld counts everywhere");
    world.write("new.md", "N");
    let (said, braked) = part(&mut tree, &["new.md"], &[]);
    assert_eq!((said, braked), (vec!["new.md upsert".to_owned(), "d5/f.md delete".to_owned()], None));
    // After a pause it is another deletion.
    tree.known.forget_peak();
    world.remove("d6/f.md");
    assert!(part(&mut tree, &["d6"], &[]).1.is_none());
}

#[test]
fn most_of_a_tree_may_be_renamed() {
    let world = ten();
    let mut tree = world.tree();
    (0..9).for_each(|i| std::fs::rename(world.path(format!("d{i}")), world.path(format!("e{i}"))).unwrap());
    let paths: Vec<String> = (0..9).flat_map(|i| [format!("d{i}"), format!("e{i}")]).collect();
    let (said, braked) = part(&mut tree, &paths.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!((said.len(), braked), (18, None));
}

#[test]
fn what_came_back_while_it_was_withheld_is_not_deleted() {
    let world = ten();
    let mut tree = world.tree();
    (0..9).for_each(|i| world.remove(&format!("d{i}/f.md")));
    assert!(part(&mut tree, &[""], &[]).1.is_some());
    (0..8).for_each(|i| world.write(format!("d{i}/f.md"), &i.to_string()));
    // It is there, and whoever wrote it is heard of; what is still gone is deleted at last.
    assert_eq!(part(&mut tree, &["d9"], &[]).0, ["d8/f.md delete"]);
    assert!(!tree.known.is_withholding());
    assert_eq!(part(&mut tree, &["d0"], &[]).0, [""; 0]);
}

#[test]
fn a_file_that_was_read_for_nothing_is_not_read_again() {
    let mut world = World::new(&[("a.md", "A")]);
    world.ahead = SignedDuration::ZERO;
    let mut tree = world.tree();
    let unsettled = tree.known.get("a.md").unwrap().stamp.clone();
    tree.clock = Arc::new(Ahead(SignedDuration::from_hours(1)));
    assert!(part(&mut tree, &["a.md"], &[]).0.is_empty());
    let settled = tree.known.get("a.md").unwrap().stamp.clone();
    assert_ne!(settled, unsettled);
    assert!(part(&mut tree, &["a.md"], &[]).0.is_empty());
    assert_eq!(tree.known.get("a.md").unwrap().stamp, settled, "its stamp stands for it now");
}

#[test]
fn folders_through_links_are_not_entered() {
    let world = ten();
    let mut tree = world.tree();
    std::fs::rename(world.path("d3"), world.folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.folder.path().join("elsewhere"), world.path("d3")).unwrap();
    assert_eq!(part(&mut tree, &["d3/f.md"], &[]).0, ["d3/f.md delete"]);
}

#[test]
fn many_deletions_wait_until_no_others_come() {
    let files: Vec<String> = (0..100).map(|i| format!("d{}/{i}.md", i / 25)).collect();
    let world = World::new(&files.iter().map(|path| (path.as_str(), "text")).collect::<Vec<_>>());
    let nothing = || (Vec::<String>::new(), None);
    let remove = |folder: usize| files.iter().skip(folder * 25).take(25).for_each(|path| world.remove(path));
    // One folder goes, and no other: the second look deletes it.
    let mut tree = world.tree();
    remove(0);
    assert_eq!(part(&mut tree, &["d0"], &[]), nothing());
    assert!(tree.known.is_holding());
    let (said, braked) = part(&mut tree, &[], &[]);
    assert!(said.len() == 25 && said.iter().all(|said| said.ends_with("delete")) && braked.is_none());
    assert!(!tree.known.is_holding());
    // The others go one after the other: nothing of them is deleted.
    tree.known.forget_peak();
    for folder in 1..4 {
        remove(folder);
        assert_eq!(part(&mut tree, &[&format!("d{folder}")], &[]), nothing());
    }
    let (said, braked) = part(&mut tree, &[], &[]);
    assert_eq!(said, [""; 0]);
    assert_eq!(braked.map(|brake| (brake.0.missing, brake.0.known)), Some((75, 75)));
    assert!(!tree.known.is_holding() && tree.known.is_withholding());
}
