//! Links that are switched from one folder to another.

use std::os::unix::fs::symlink;

use super::*;

/// Makes a link, or leads it elsewhere in one step.
pub(super) fn switch(world: &World, link: &str, to: &str) {
    symlink(to, world.path("switching")).unwrap();
    std::fs::rename(world.path("switching"), world.path(link)).unwrap();
}

#[tokio::test]
async fn a_mounted_configuration_is_there_once() {
    let mut world = World::new(&[("..2026_11_27_1/a.md", "A"), ("..2026_11_27_1/b.md", "B")]);
    switch(&world, "..data", "..2026_11_27_1");
    symlink("..data/a.md", world.path("a.md")).unwrap();
    symlink("..data/b.md", world.path("b.md")).unwrap();
    assert_eq!(world.scan().await.verbs(), ["a.md upsert", "b.md upsert"]);
    world.write("..2026_11_27_2/a.md", "A");
    world.write("..2026_11_27_2/b.md", "B2");
    switch(&world, "..data", "..2026_11_27_2");
    assert_eq!(world.scan().await.verbs(), ["b.md upsert"]);
}

#[tokio::test]
async fn what_a_link_names_is_known_by_it_alone() {
    for (first, second) in
        [("rev-a", "rev-b"), (".worktrees/a", ".worktrees/b"), ("rev-1f3a9c0", "rev-000000b")]
    {
        let mut world = World::new(&[("readme.md", "R")]);
        let write = |folder: &str, name: &str, text: &str| world.write(format!("{folder}/{name}"), text);
        write(first, "a.md", "A");
        write(first, "in/b.md", "B");
        write(first, "in/.acl.toml", "readers = ['b']");
        switch(&world, "current", first);
        let outcome = world.scan().await;
        assert_eq!(outcome.verbs(), ["current/a.md upsert", "current/in/b.md upsert", "readme.md upsert"]);
        assert_eq!(outcome.readers()["current/in/b.md"], "b");
        world.write(format!("{second}/a.md"), "A");
        world.write(format!("{second}/in/b.md"), "B2");
        switch(&world, "current", second);
        std::fs::remove_dir_all(world.path(first)).unwrap();
        assert_eq!(world.scan().await.verbs(), ["current/in/b.md upsert"], "{first}");
    }
}

#[tokio::test]
async fn earlier_and_coming_folders_with_a_hash_stay_out() {
    let world =
        World::new(&[("rev-1f3a9c0/a.md", "old"), ("rev-000000b/a.md", "now"), ("rev-other/a.md", "O")]);
    switch(&world, "current", "rev-000000b");
    assert_eq!(world.look().await.verbs(), ["current/a.md upsert", "rev-other/a.md upsert"]);
}

#[tokio::test]
async fn a_link_lets_nobody_in_and_ends() {
    let mut world = World::new(&[
        ("secret/.acl.toml", "readers = ['few']"),
        ("secret/rev/a.md", "A"),
        ("b/c/d.md", "D"),
        ("closed/e.md", "E"),
        ("closed.acl.toml", "readers = ['few']"),
    ]);
    switch(&world, "public", "secret/rev");
    switch(&world, "open", "closed");
    symlink("..", world.path("b/c/up")).unwrap();
    symlink("../b", world.path("b/self")).unwrap();
    switch(&world, "one", "b/c");
    symlink("b/c", world.path("two")).unwrap();
    assert_eq!(
        world.scan().await.readers(),
        [("secret/rev/a.md", "few"), ("one/d.md", "default"), ("closed/e.md", "bad_access_list")]
            .map(|(id, reader)| (id.to_owned(), reader.to_owned()))
            .into()
    );
    world.spec.exclude = vec!["one".to_owned()];
    assert_eq!(world.scan().await.verbs(), ["two/d.md upsert", "one/d.md delete"]);
}

#[tokio::test]
async fn a_root_that_is_switched_keeps_its_ids_and_uris() {
    let mut world =
        World::new(&[("rev-a/a.md", "A"), ("rev-a/b.md", "B"), ("rev-b/a.md", "A"), ("rev-b/b.md", "B2")]);
    switch(&world, "current", "rev-a");
    world.spec.root = world.path("current");
    let outcome = world.scan().await;
    let Some(ContentChange::Upsert(upsert)) = &outcome.changes[0].content else { panic!() };
    assert!(upsert.uri.ends_with("/root/current/a.md"), "{}", upsert.uri);
    let root = world.spec.root.parent().unwrap().to_owned();
    // In the middle of a scan: nothing of the one is taken for missing in the other.
    let mut source = world.source();
    source.list().await.unwrap();
    std::fs::remove_file(&world.spec.root).unwrap();
    symlink("rev-b", &world.spec.root).unwrap();
    std::fs::remove_dir_all(root.join("rev-a")).unwrap();
    let batches = drain(&mut source, world.room).await.unwrap();
    let said: Vec<_> = batches.iter().flat_map(|batch| &batch.changes).collect();
    assert_eq!(
        said.iter().map(|c| format!("{} {}", c.doc_id.local(), verb(c))).collect::<Vec<_>>(),
        ["b.md upsert"]
    );
}
