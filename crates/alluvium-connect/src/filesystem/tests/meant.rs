//! Which files are meant: patterns, what nobody means, ignore files, and our own files.

use std::os::unix::fs::symlink;

use super::*;

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The ids of what a scan finds.
async fn found(world: &World) -> Vec<String> {
    world.look().await.changes.iter().map(|change| change.doc_id.local().to_owned()).collect()
}

fn shelf() -> World {
    World::new(&[
        ("a.md", "A"),
        ("drafts/b.md", "B"),
        ("drafts/in/c.md", "C"),
        ("guides/d.md", "D"),
        ("x/drafts/e.md", "E"),
    ])
}

#[tokio::test]
async fn a_folders_name_means_what_is_in_it() {
    let mut world = shelf();
    for drafts in ["drafts", "drafts/", "/drafts", "./drafts", "drafts/**", "draft?/"] {
        world.spec.exclude = own(&[drafts]);
        assert_eq!(found(&world).await, ["a.md", "guides/d.md", "x/drafts/e.md"], "{drafts}");
    }
    for (drafts, left) in [
        ("**/drafts", &["a.md", "guides/d.md"][..]),
        ("drafts/in", &["a.md", "drafts/b.md", "guides/d.md", "x/drafts/e.md"]),
    ] {
        world.spec.exclude = own(&[drafts]);
        assert_eq!(found(&world).await, left, "{drafts}");
    }
    world.spec.exclude = Vec::new();
    for guides in ["guides", "guides/", "./guides/"] {
        world.spec.include = own(&[guides]);
        assert_eq!(found(&world).await, ["guides/d.md"], "{guides}");
    }
    world.spec.include = own(&["*.md"]);
    assert_eq!(found(&world).await, ["a.md"], "as before: of the root alone");
}

#[tokio::test]
async fn a_pattern_that_matched_nothing_is_told() {
    let mut world = shelf();
    world.spec.include = own(&["**/*", "manuals"]);
    world.spec.exclude = own(&["drafts", "old/", "**/*~", ".git/**"]);
    let heard = world.hear();
    world.look().await;
    assert_eq!(heard.subjects(), ["include \"manuals\"", "exclude \"old/\""]);
    std::fs::create_dir(world.path("old")).unwrap();
    world.write("old/z.md", "Z");
    world.write("manuals/z.md", "Z");
    world.look().await;
    assert_eq!(heard.subjects(), Vec::<String>::new());
}

#[tokio::test]
async fn what_nobody_means_is_neither_seen_nor_skipped() {
    let unmeant = [
        ".git/HEAD.txt",
        ".obsidian/a.md",
        ".trash/a.md",
        "d/.snapshot/x/a.md",
        ".DS_Store",
        "._a.md",
        "d/~$b.md",
        "a.md~",
        "#a.md#",
        ".a.md.swp",
        "Thumbs.db",
        "@eaDir/a.md",
        "$RECYCLE.BIN/a.md",
        "lost+found/a.md",
        "b.md.part",
        ".hidden.md",
    ];
    let mut world = World::new(&[("a.md", "A"), ("d/b.md", "B"), ("c.png", "not supported")]);
    unmeant.iter().for_each(|path| world.write(path, "nobody means this"));
    let outcome = world.scan().await;
    assert_eq!(outcome.verbs(), ["a.md upsert", "d/b.md upsert"]);
    assert_eq!((outcome.seen, outcome.skipped), (3, 1));
    world.spec.hidden = true;
    let shown = world.scan().await;
    assert!(shown.verbs().contains(&".obsidian/a.md upsert".to_owned()), "{:?}", shown.verbs());
    assert_eq!(shown.changes.len(), 10);
    // What was indexed before it was out is deleted, and the brake sees it.
    world.spec.hidden = false;
    assert!(world.look().await.braked.is_some());
    world.spec.allow_deletes = true;
    assert!(world.scan().await.verbs().iter().all(|verb| verb.ends_with("delete")));
}

#[tokio::test]
async fn a_folders_list_has_a_hidden_name_and_holds() {
    let mut world = World::new(&[
        ("a/a.md", "A"),
        ("a/.acl.toml", "readers = ['a']"),
        (".h/b.md", "B"),
        (".h/.acl.toml", "readers = ['h']"),
    ]);
    assert_eq!(world.look().await.readers(), BTreeMap::from([("a/a.md".to_owned(), "a".to_owned())]));
    world.spec.hidden = true;
    assert_eq!(world.look().await.readers().get(".h/b.md"), Some(&"h".to_owned()));
}

#[tokio::test]
async fn ignore_files_are_gits() {
    let mut world = World::new(&[
        ("a.md", "A"),
        ("secret.md", "S"),
        ("sub/secret.md", "S"),
        ("sub/keep.md", "K"),
        ("build/x.md", "X"),
        ("sub/build/y.md", "Y"),
        (".alluviumignore", "secret.md\nbuild/\n"),
        ("sub/.alluviumignore", "!secret.md\n"),
        (".gitignore", "keep.md\n"),
    ]);
    assert_eq!(found(&world).await, ["a.md", "sub/keep.md", "sub/secret.md"]);
    (world.spec.gitignore, world.spec.allow_deletes) = (true, true);
    let heard = world.hear();
    world.scan().await;
    assert_eq!(found(&world).await, Vec::<String>::new());
    world.write("sub/.gitignore", "!keep.md\n[x\n");
    assert_eq!(world.scan().await.verbs(), ["sub/keep.md upsert"]);
    assert_eq!(heard.subjects(), ["sub/.gitignore"]);
    world.write("sub/.alluviumignore", "*");
    assert_eq!(world.scan().await.verbs(), ["sub/keep.md delete", "sub/secret.md delete"]);
    // What it leaves out is not known when it can't be read.
    std::fs::remove_file(world.path("sub/.alluviumignore")).unwrap();
    world.scan().await;
    world.write("sub/new.md", "N");
    symlink("nowhere", world.path("sub/.alluviumignore")).unwrap();
    let unknown = world.scan().await;
    assert!(unknown.changes.is_empty() && unknown.deltas[0].watermark.is_none(), "{:?}", unknown.verbs());
}

#[tokio::test]
async fn our_own_files_are_no_documents() {
    let mut world =
        World::new(&[("a.md", "A"), ("in/index/x.md", "ours"), ("in/p.txt", "ours"), ("in/b.md", "B")]);
    symlink("in/p.txt", world.path("link.txt")).unwrap();
    symlink("in/index/x.md", world.path("other.md")).unwrap();
    symlink("index", world.path("in/named")).unwrap();
    world.spec.apart = vec![world.path("x/../in/index"), world.path("in/p.txt"), world.path("in/to-come")];
    std::fs::create_dir(world.path("x")).unwrap();
    world.write("in/to-come/y.md", "ours");
    world.spec.hidden = true;
    assert_eq!(found(&world).await, ["a.md", "in/b.md"]);
    for root in ["in/index", "in/index/deep"] {
        let mut lost = World::new(&[]);
        lost.spec.root = world.path(root);
        std::fs::create_dir_all(&lost.spec.root).unwrap();
        lost.spec.apart.clone_from(&world.spec.apart);
        let error = lost.source().next(lost.room).await.unwrap_err();
        assert!(error.to_string().contains("which Alluvium writes itself"), "{error}");
    }
}
