//! What holds wherever content is referred to.

use std::path::PathBuf;

use alluvium_connect::event::EventRules;

use super::{BUCKET, MAX, Store, read, rules, spec};

/// A place of contents.
trait Place {
    fn rules(&self) -> EventRules;
    fn put(&self, name: &str, content: &[u8]);
    fn uri(&self, name: &str) -> String;
    fn take_away(&mut self);
    fn bring_back(&mut self);
}

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("shelf")).unwrap();
        Self { folder }
    }

    fn shelf(&self) -> PathBuf {
        self.folder.path().join("shelf")
    }

    fn elsewhere(&self) -> PathBuf {
        self.folder.path().join("elsewhere")
    }
}

impl Place for Folder {
    fn rules(&self) -> EventRules {
        rules(vec![self.shelf()], Vec::new())
    }

    fn put(&self, name: &str, content: &[u8]) {
        let shelf = if self.shelf().exists() { self.shelf() } else { self.elsewhere() };
        std::fs::write(shelf.join(name), content).unwrap();
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}", self.shelf().join(name).display())
    }

    fn take_away(&mut self) {
        std::fs::rename(self.shelf(), self.elsewhere()).unwrap();
    }

    fn bring_back(&mut self) {
        std::fs::rename(self.elsewhere(), self.shelf()).unwrap();
    }
}

/// A store whose process dies.
impl Place for Store {
    fn rules(&self) -> EventRules {
        rules(Vec::new(), vec![spec(self)])
    }

    fn put(&self, name: &str, content: &[u8]) {
        Store::put(self, name, content);
    }

    fn uri(&self, name: &str) -> String {
        format!("s3://{BUCKET}/{name}")
    }

    fn take_away(&mut self) {
        self.kill();
    }

    fn bring_back(&mut self) {
        self.restart();
    }
}

/// A store that answers and has lost its bucket.
struct Bucket(Store);

impl Place for Bucket {
    fn rules(&self) -> EventRules {
        self.0.rules()
    }

    fn put(&self, name: &str, content: &[u8]) {
        let there =
            if self.0.bucket().exists() { self.0.bucket() } else { self.0.bucket().with_extension("away") };
        std::fs::write(there.join(name), content).unwrap();
    }

    fn uri(&self, name: &str) -> String {
        self.0.uri(name)
    }

    fn take_away(&mut self) {
        std::fs::rename(self.0.bucket(), self.0.bucket().with_extension("away")).unwrap();
    }

    fn bring_back(&mut self) {
        std::fs::rename(self.0.bucket().with_extension("away"), self.0.bucket()).unwrap();
    }
}

fn holds(mut place: impl Place) {
    let rules = place.rules();
    place.put("a", b"A");
    place.put("full", &[b'x'; MAX as usize]);
    place.put("large", &[b'x'; MAX as usize + 1]);
    let full = format!("d={}", "x".repeat(MAX as usize));
    for (name, expected) in [
        ("a", "d=A"),
        ("full", full.as_str()),
        ("large", "d too_large"),
        ("none", "d vanished"),
        ("none/a", "d vanished"),
        ("../a", "d bad_event"),
    ] {
        // Both ways to refuse what climbs.
        let said = read(&rules, &place.uri(name)).replace("unreadable", "bad_event");
        assert_eq!(said, expected, "{name}");
    }
    place.take_away();
    place.put("b", b"B");
    for _ in 0..3 {
        for name in ["a", "b", "none"] {
            let said = read(&rules, &place.uri(name));
            assert!(said.starts_with("away: "), "{name}: {said}");
        }
    }
    place.bring_back();
    for (name, expected) in [("a", "d=A"), ("b", "d=B"), ("none", "d vanished")] {
        assert_eq!(read(&rules, &place.uri(name)), expected, "{name}");
    }
}

#[test]
fn a_folder() {
    holds(Folder::start());
}

#[test]
fn a_store() {
    holds(Store::start());
}

#[test]
fn a_bucket_that_a_store_has_lost() {
    holds(Bucket(Store::start()));
}
