//! Which access list a document has.

use super::*;

fn readers(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(id, reader)| ((*id).to_owned(), (*reader).to_owned())).collect()
}

#[tokio::test]
async fn the_nearest_sidecar_wins() {
    let world = World::new(&[
        ("top.md", ""),
        ("a/.acl.toml", "readers = ['a']"),
        ("a/one.md", ""),
        ("a/two.md", ""),
        ("a/two.md.acl.toml", "readers = ['two']\ndenied = ['x']"),
        ("a/b/deep/three.md", ""),
        ("a/c/.acl.toml", "readers = ['c']"),
        ("a/c/four.md", ""),
        ("a/c/deep/five.md", ""),
        ("ab/six.md", ""),
    ]);
    let outcome = world.look().await;
    assert_eq!(
        outcome.readers(),
        readers(&[
            ("top.md", "default"),
            ("a/one.md", "a"),
            ("a/two.md", "two"),
            ("a/b/deep/three.md", "a"),
            ("a/c/four.md", "c"),
            ("a/c/deep/five.md", "c"),
            ("ab/six.md", "default"),
        ])
    );
    assert_eq!(outcome.skipped, 0, "sidecars are not skipped documents");
}

#[tokio::test]
async fn a_sidecar_of_the_root_beats_the_default() {
    let world = World::new(&[("a.md", ""), (".acl.toml", "readers = ['root']")]);
    assert_eq!(world.look().await.readers(), readers(&[("a.md", "root")]));
}

#[tokio::test]
async fn without_list_and_default_a_document_is_hidden() {
    let mut world = World::new(&[("a.md", "A")]);
    world.spec.default_acl = None;
    let outcome = world.scan().await;
    assert_eq!(outcome.readers(), readers(&[("a.md", "no_access_list")]));
    assert!(world.look().await.changes.is_empty(), "and nothing is published again");
    // An index that kept no policy of it is no other case.
    let known = world.known.get_mut("a.md").unwrap();
    (known.state, known.acl_hash) = (DocumentState::Quarantined, None);
    assert!(world.look().await.changes.is_empty());
    world.write(".acl.toml", "readers = ['a']");
    assert_eq!(world.look().await.verbs(), ["a.md upsert"], "now it can be indexed");
}

#[tokio::test]
async fn a_sidecar_that_comes_changes_and_goes_moves_access_only() {
    let mut world = World::new(&[("a/a.md", "A"), ("b.md", "B")]);
    world.scan().await;
    world.write("a/.acl.toml", "readers = ['a']");
    let came = world.scan().await;
    assert_eq!((came.verbs(), came.readers()), (vec!["a/a.md acl".to_owned()], readers(&[("a/a.md", "a")])));
    assert_eq!(came.unchanged, 1);
    world.write("a/.acl.toml", "# only a comment\nreaders = ['a', 'a']");
    assert!(world.scan().await.changes.is_empty(), "the same list, written otherwise");
    world.write("a/.acl.toml", "readers = ['a2']");
    assert_eq!(world.scan().await.readers(), readers(&[("a/a.md", "a2")]));
    world.remove("a/.acl.toml");
    let gone = world.scan().await;
    assert_eq!(
        (gone.verbs(), gone.readers()),
        (vec!["a/a.md acl".to_owned()], readers(&[("a/a.md", "default")]))
    );
}

#[tokio::test]
async fn a_bad_sidecar_hides_and_never_falls_back() {
    let mut world = World::new(&[("a/a.md", "A"), (".acl.toml", "readers = ['everybody']")]);
    world.scan().await;
    for bad in
        ["readers = ['a']\nreader = ['b']", "readers = 'a'", "readers = [", "readers = ['']", "\u{0}", ""]
    {
        world.write("a/.acl.toml", bad);
        let outcome = world.look().await;
        assert_eq!(outcome.verbs(), ["a/a.md acl"], "{bad:?}");
        let AccessChange::Unreadable { refusal, .. } = &outcome.changes[0].access else { panic!("{bad:?}") };
        assert_eq!(refusal.cause.to_string(), "bad_access_list");
        assert!(refusal.detail.starts_with("a/.acl.toml: "), "{}", refusal.detail);
    }
    world.write("a/.acl.toml", "readers = ['a']\nreader = ['b']");
    let outcome = world.scan().await;
    let AccessChange::Unreadable { refusal, .. } = &outcome.changes[0].access else { panic!() };
    assert!(refusal.detail.contains("line 2: unknown field `reader`"), "{}", refusal.detail);
    assert!(world.look().await.changes.is_empty(), "hidden already");
    world.write("a/.acl.toml", "readers = ['a']");
    assert_eq!(world.scan().await.readers(), readers(&[("a/a.md", "a")]));
}

#[tokio::test]
async fn what_is_no_file_under_a_sidecars_name_hides_too() {
    let world = World::new(&[("a/a.md", ""), ("b/b.md", ""), ("c/c.md", ""), ("b.toml", "readers = ['b']")]);
    std::fs::create_dir(world.path("a/.acl.toml")).unwrap();
    std::os::unix::fs::symlink("../b.toml", world.path("b/.acl.toml")).unwrap();
    std::fs::write(world.folder.path().join("outside.toml"), "readers = ['everybody']").unwrap();
    std::os::unix::fs::symlink("../../outside.toml", world.path("c/.acl.toml")).unwrap();
    let expected = [("a/a.md", "bad_access_list"), ("b/b.md", "b"), ("c/c.md", "bad_access_list")];
    assert_eq!(world.look().await.readers(), readers(&expected));
}

#[tokio::test]
async fn a_sidecar_that_goes_after_the_listing_hides() {
    let world = World::new(&[("a/a.md", ""), ("a/.acl.toml", "readers = ['a']")]);
    let mut source = world.source();
    source.list().await.unwrap();
    world.remove("a/.acl.toml");
    let batches = drain(&mut source, world.room).await.unwrap();
    assert!(matches!(batches[0].changes[0].access, AccessChange::Unreadable { .. }));
}

#[tokio::test]
async fn refused_content_still_takes_another_list() {
    let mut world = World::new(&[("a.md", "small")]);
    world.scan().await;
    world.write("a.md", &"x".repeat(2000));
    assert_eq!(world.scan().await.verbs(), ["a.md too_large"]);
    world.write(".acl.toml", "readers = ['a']");
    assert_eq!(world.scan().await.verbs(), ["a.md acl"], "the last good version is in service");
}
