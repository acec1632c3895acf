//! Access lists that apply to nothing.

use super::*;

async fn readers(world: &World) -> Vec<(String, String)> {
    world.look().await.readers().into_iter().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, reader)| ((*id).to_owned(), (*reader).to_owned())).collect()
}

#[tokio::test]
async fn whom_a_misnamed_list_was_meant_for_is_hidden_until_it_is_mended() {
    let mut world = World::new(&[
        (".acl.toml", "readers = ['all']"),
        ("report.md", "R"),
        ("report.acl.toml", "readers = ['few']"),
        ("other.md", "O"),
        ("plans/p.md", "P"),
        ("plans/own.md", "W"),
        ("plans/own.md.acl.toml", "readers = ['own']"),
        ("plans/near/n.md", "N"),
        ("plans/near/.acl.toml", "readers = ['near']"),
        ("plans.acl.toml", "readers = ['few']"),
    ]);
    let heard = world.hear();
    let bad = "bad_access_list";
    assert_eq!(
        readers(&world).await,
        pairs(&[
            ("other.md", "all"),
            ("plans/near/n.md", "near"),
            ("plans/own.md", "own"),
            ("plans/p.md", bad),
            ("report.md", bad),
        ])
    );
    assert_eq!(heard.subjects(), ["plans.acl.toml", "report.acl.toml"]);
    let told = heard.0.lock().unwrap().iter().map(|w| w.next.clone()).collect::<Vec<_>>();
    assert!(told[0].contains("plans/.acl.toml") && told[1].contains("report.md.acl.toml"), "{told:?}");
    world.scan().await;
    std::fs::rename(world.path("report.acl.toml"), world.path("report.md.acl.toml")).unwrap();
    std::fs::rename(world.path("plans.acl.toml"), world.path("plans/.acl.toml")).unwrap();
    let mended = world.scan().await;
    assert_eq!(mended.verbs(), ["plans/p.md acl", "report.md acl"]);
    assert_eq!(mended.readers().into_values().collect::<Vec<_>>(), ["few", "few"]);
    assert!(heard.subjects().is_empty());
}

#[tokio::test]
async fn the_detail_names_the_list() {
    let world = World::new(&[("a/report.md", "R"), ("a/report.md.acl.tml", "readers = ['few']")]);
    let outcome = world.look().await;
    let AccessChange::Unreadable { refusal, .. } = &outcome.changes[0].access else { panic!() };
    assert!(refusal.detail.starts_with("a/report.md.acl.tml: "), "{}", refusal.detail);
}

#[tokio::test]
async fn a_folders_list_under_a_wrong_name_hides_the_folder() {
    for name in ["acl.toml", ".acl.tml", ".acl.yaml", ".ACL.toml", ".acl.toml.txt", ".acl.toml.bak"] {
        let world = World::new(&[
            (".acl.toml", "readers = ['all']"),
            ("a/x.md", "X"),
            ("a/in/y.md", "Y"),
            ("b.md", "B"),
        ]);
        world.write(format!("a/{name}"), "readers = ['few']");
        let bad = "bad_access_list";
        assert_eq!(
            readers(&world).await,
            pairs(&[("a/in/y.md", bad), ("a/x.md", bad), ("b.md", "all")]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_is_left_over_is_named_and_hides_nobody() {
    let mut world = World::new(&[
        ("a.md", "A"),
        ("gone.md.acl.toml", "readers = ['few']"),
        ("a.png.acl.toml", "readers = ['few']"),
        ("a.png", "P"),
    ]);
    world.spec.exclude = vec!["a.png".to_owned()];
    let heard = world.hear();
    assert_eq!(readers(&world).await, pairs(&[("a.md", "default")]));
    assert_eq!(heard.subjects(), ["gone.md.acl.toml"]);
}

#[tokio::test]
async fn a_misnamed_list_is_no_document() {
    let world = World::new(&[("report.md", "R"), ("report.md.acl.toml.txt", "readers = ['few']")]);
    assert_eq!(readers(&world).await, pairs(&[("report.md", "bad_access_list")]));
}
