//! What several tests begin with and none of them changes the making of: made once for one build of the
//! program, and copied.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::{PROGRAM, repository};

/// The folder of that name, made by `make` unless a test of this build has made it already. Whoever comes
/// second waits.
pub(crate) fn template(name: &str, corpus: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).unwrap();
    let lock = File::create(folder.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let (made, mark) = (folder.join(name), folder.join(format!("{name}.of")));
    let of = build(&repository().join(corpus));
    if fs::read_to_string(&mark).ok().as_ref() != Some(&of) {
        for old in [&made, &mark] {
            // What is left of another build, if anything is.
            let _ = fs::remove_dir_all(old);
            let _ = fs::remove_file(old);
        }
        make(&made);
        // Last, so that a test that failed on the way leaves nothing to take for whole.
        fs::write(&mark, of).unwrap();
    }
    made
}

/// What tells one build of the program, and one state of its corpus, from another.
fn build(corpus: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    let program = fs::metadata(PROGRAM).unwrap();
    (PROGRAM, program.len(), program.modified().unwrap()).hash(&mut hasher);
    hash(corpus, &mut hasher);
    format!("{:016x}", hasher.finish())
}

fn hash(folder: &Path, hasher: &mut DefaultHasher) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        path.hash(hasher);
        if path.is_dir() {
            hash(&path, hasher);
        } else {
            fs::read(path).unwrap().hash(hasher);
        }
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let to = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &to);
        } else {
            fs::copy(item.path(), to).unwrap();
        }
    }
}
