//! Archives as they should be, and as they should not.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::*;

/// A tarball of these members; a content of `None` makes a symbolic link to `/etc/passwd`.
fn tgz(folder: &TempDir, members: &[(&str, Option<&[u8]>)]) -> PathBuf {
    let path = folder.path().join("a.tgz");
    let mut tar = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        // Written into the raw header: the builder itself would refuse a name such as `../x`.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(content.map_or(0, |content| content.len() as u64));
        if content.is_none() {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, content.unwrap_or_default()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    path
}

fn zip_of(folder: &TempDir, members: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.path().join("a.whl");
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn want(folder: &TempDir, member: &str) -> Vec<Wanted> {
    vec![Wanted { member: member.to_owned(), to: folder.path().join("out") }]
}

#[test]
fn takes_the_named_member_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let members: [(&str, Option<&[u8]>); 2] = [("p/a", Some(b"one")), ("p/b", Some(b"two"))];
    let archive = tgz(&folder, &members);
    extract(&archive, &want(&folder, "p/b")).unwrap();
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"two");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the archive and one file");

    let folder = tempfile::tempdir().unwrap();
    let archive = zip_of(&folder, &[("p/a", b"one"), ("p/b", b"two")]);
    extract(&archive, &want(&folder, "p/a")).unwrap();
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"one");
}

#[test]
fn a_name_that_leads_out_changes_nothing_outside() {
    let outer = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir_in(outer.path()).unwrap();
    let members: [(&str, Option<&[u8]>); 2] = [("../evil", Some(b"x")), ("p/a", Some(b"one"))];
    let archive = tgz(&folder, &members);
    extract(&archive, &want(&folder, "p/a")).unwrap();
    assert!(!outer.path().join("evil").exists());

    let folder = tempfile::tempdir_in(outer.path()).unwrap();
    let archive = zip_of(&folder, &[("../evil", b"x"), ("p/a", b"one")]);
    extract(&archive, &want(&folder, "p/a")).unwrap();
    assert!(!outer.path().join("evil").exists());
}

#[test]
fn a_link_is_refused_even_under_the_right_name() {
    let folder = tempfile::tempdir().unwrap();
    let archive = tgz(&folder, &[("p/a", None)]);
    let error = extract(&archive, &want(&folder, "p/a")).unwrap_err();
    assert!(error.to_string().contains("not a plain file"), "{error}");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_missing_member_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for archive in [tgz(&folder, &[("p/a", Some(b"one"))]), zip_of(&folder, &[("p/a", b"one")])] {
        let error = extract(&archive, &want(&folder, "p/c")).unwrap_err();
        assert!(error.to_string().contains("p/c"), "{error}");
    }
}

#[test]
fn a_member_above_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = zip_of(&folder, &[("p/a", &[0; 1000])]);
    let error = extract_bounded(&archive, &want(&folder, "p/a"), 999).unwrap_err();
    assert!(error.to_string().contains("larger than 999 bytes"), "{error}");
}

#[test]
fn damaged_archives_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(tgz(&folder, &[("p/a", Some(&[7; 5000]))])).unwrap();
    for (name, bytes) in [("cut.tgz", &whole[..whole.len() / 2]), ("no.tgz", b"no"), ("no.whl", b"no")] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let to = folder.path().join(format!("{name}.out"));
        let wanted = [Wanted { member: "p/a".to_owned(), to }];
        assert!(matches!(extract(&path, &wanted), Err(ModelError::Archive { .. })), "{name}");
    }
}
