//! What happens to the folder of a daemon.

use std::fs;

use crate::harness::{World, check_fresh, paragraph, poll};

use super::{Daemon, STAFF, quick};

fn followed(documents: u64) -> (World, Daemon) {
    let world = quick();
    for i in 0..documents {
        world.write(&format!("d{i}.md"), format!("Number {i}. {}\n", paragraph(i)));
    }
    let mut daemon = Daemon::start(&world);
    poll("all documents", || {
        assert!(!daemon.process.is_over(), "{}", daemon.log());
        let run = world.run(&["status", "pipeline.toml", "--format", "json"]);
        (run.code == Some(0) && run.json()["documents"]["indexed"] == documents).then_some(())
    });
    (world, daemon)
}

#[test]
fn a_root_that_is_gone_for_a_while_deletes_nothing() {
    let (world, mut daemon) = followed(6);
    fs::rename(world.path("docs"), world.path("elsewhere")).unwrap();
    daemon.await_line("the source can't answer");
    assert_eq!(world.documents_for(STAFF).len(), 6);
    fs::rename(world.path("elsewhere"), world.path("docs")).unwrap();
    world.write("d1.md", "The herons of autumn.\n");
    daemon.await_text(&world, "herons");
    // What happens in the folder that is back is heard as before.
    world.write("new/e.md", "The cranes of winter.\n");
    daemon.await_text(&world, "cranes");
    assert_eq!(world.status()["documents"]["deleted"], 0);
    check_fresh(&world);
    daemon.end();
}

#[test]
fn another_folder_in_the_place_of_the_root_withholds_deletions() {
    let (world, mut daemon) = followed(6);
    fs::rename(world.path("docs"), world.path("elsewhere")).unwrap();
    // As when a mount is gone: there is a folder, and nothing in it.
    fs::create_dir(world.path("docs")).unwrap();
    daemon.await_line("withheld");
    assert_eq!(world.documents_for(STAFF).len(), 6);
    assert_eq!(world.status()["documents"]["deleted"], 0);
    fs::remove_dir(world.path("docs")).unwrap();
    fs::rename(world.path("elsewhere"), world.path("docs")).unwrap();
    world.write("d1.md", "The herons of autumn.\n");
    daemon.await_text(&world, "herons");
    assert_eq!(world.status()["documents"]["deleted"], 0);
    check_fresh(&world);
    daemon.end();
}

#[test]
fn files_that_are_gone_all_at_once_are_withheld() {
    let (world, mut daemon) = followed(8);
    fs::create_dir(world.path("away")).unwrap();
    let all = || (0..8).map(|i| (world.doc(format!("d{i}.md")), world.path(format!("away/d{i}.md"))));
    all().for_each(|(doc, away)| fs::rename(doc, away).unwrap());
    daemon.await_line("withheld");
    world.write("e.md", "The herons of autumn.\n");
    daemon.await_text(&world, "herons");
    all().for_each(|(doc, away)| fs::rename(away, doc).unwrap());
    world.write("d1.md", "The cranes of winter.\n");
    daemon.await_text(&world, "cranes");
    assert!(world.status()["documents"]["deleted"].as_u64().unwrap() < 4, "the brake was on");
    poll("whole index", || (world.documents_for(STAFF).len() == 9).then_some(()));
    check_fresh(&world);
    daemon.end();
}

#[test]
fn bad_files_cost_a_daemon_themselves_only() {
    let (world, mut daemon) = followed(3);
    world.write("empty.md", "");
    world.write("cut.pdf", b"%PDF-1.4\n1 0 obj\n<<");
    world.write("noise.txt", [0u8, 159, 146, 150, 0, 1, 2, 3].repeat(200));
    world.write("good.md", "The herons of autumn.\n");
    daemon.await_text(&world, "herons");
    poll("three in quarantine", || (world.quarantine().len() == 3).then_some(()));
    for name in ["empty.md", "noise.txt"] {
        world.write(name, format!("{name} is good now.\n"));
    }
    world.remove("cut.pdf");
    poll("empty quarantine", || world.quarantine().is_empty().then_some(()));
    daemon.await_text(&world, "empty.md is good now");
    daemon.await_text(&world, "noise.txt is good now");
    check_fresh(&world);
    daemon.end();
}
