//! How the place of a table becomes what Lance takes, whatever the index's folder is called.
//!
//! Lance names files by paths of its object store, and puts some of them together from the text of a whole
//! path, escaping it anew: what is under a folder such as `ü` or `a#b` goes to another one beside it. Paths
//! with control characters and those that are not UTF-8 it can't name at all. So wherever the folder's name
//! would be escaped, a session gets a store of local files whose root is that folder: Lance sees only the
//! names that stand in it, which are ours. Where the name is plain, Lance goes to the disk directly, which
//! is faster.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use lance::Error;
use lance::io::{ObjectStore, ObjectStoreParams, ObjectStoreRegistry};
use lance_io::object_store::{
    DEFAULT_DOWNLOAD_RETRY_COUNT, DEFAULT_LOCAL_IO_PARALLELISM, ObjectStoreProvider,
};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use url::Url;

/// What Lance takes a local path for.
const SCHEME: &str = "file";
/// As what a rooted store is known: one of local files that Lance never goes past.
const ROOTED: &str = "file-object-store:///";

/// Where Lance finds the table at `path`.
pub(super) fn of_table(path: &Path) -> String {
    let folder = settled(path.parent().unwrap_or(path));
    let path = path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name));
    let url = || Url::from_file_path(&path).ok().map(String::from);
    let escaped = if is_plain(&folder) { None } else { url() };
    escaped.unwrap_or_else(|| path.to_string_lossy().into_owned())
}

/// By which stores the tables of the index at `root` are opened.
pub(super) fn stores(root: &Path) -> ObjectStoreRegistry {
    let stores = ObjectStoreRegistry::default();
    let root = settled(root);
    if !is_plain(&root) {
        stores.insert(SCHEME, Arc::new(Rooted { root }));
    }
    stores
}

/// A folder by its one absolute name, without links and dots; one that is not there yet, by the name given.
fn settled(folder: &Path) -> PathBuf {
    let real = folder.canonicalize().or_else(|_| std::path::absolute(folder));
    real.unwrap_or_else(|_| folder.to_owned())
}

/// Whether a path is the same however often it is escaped.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| {
        let path = path.trim_start_matches('/');
        StorePath::from(path).as_ref() == path
    })
}

/// A store of local files beneath a folder.
#[derive(Debug)]
struct Rooted {
    root: PathBuf,
}

impl Rooted {
    fn beneath(&self, url: &Url) -> Option<StorePath> {
        let path = url.to_file_path().ok()?;
        let path = path.strip_prefix(&self.root).ok()?.to_str()?;
        StorePath::parse(path).ok()
    }
}

#[async_trait]
impl ObjectStoreProvider for Rooted {
    async fn new_store(&self, _: Url, params: &ObjectStoreParams) -> lance::Result<ObjectStore> {
        let store = LocalFileSystem::new_with_prefix(&self.root)?;
        let place = Url::parse(ROOTED).map_err(|e| Error::invalid_input(e.to_string()))?;
        Ok(ObjectStore::new(
            Arc::new(store),
            place,
            params.block_size,
            None,
            false,
            false,
            DEFAULT_LOCAL_IO_PARALLELISM,
            DEFAULT_DOWNLOAD_RETRY_COUNT,
            None,
        ))
    }

    /// What lies elsewhere has no path here, and nothing is ever written there.
    fn extract_path(&self, url: &Url) -> lance::Result<StorePath> {
        self.beneath(url).ok_or_else(|| {
            Error::invalid_input(format!("{url} does not lie in the index's folder {}", self.root.display()))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plain_names_are_left_to_lance() {
        for plain in ["/srv/index", "/a b/c+d&e", "/x.y/z-1_2"] {
            assert!(is_plain(Path::new(plain)), "{plain}");
            assert_eq!(of_table(&Path::new(plain).join("t.lance")), format!("{plain}/t.lance"));
        }
    }

    #[test]
    fn of_all_others_lance_sees_what_stands_in_the_folder() {
        for name in ["ü", "100%", "a%20b", "a#1", "~x", "[x]", "a?b", "a\nb", "a\\b", "{x}", "c:", "*"] {
            let root = Path::new("/srv").join(name);
            let table = of_table(&root.join("chunks_x.lance"));
            if is_plain(&root) {
                continue;
            }
            let rooted = Rooted { root: root.clone() };
            assert_eq!(rooted.beneath(&Url::parse(&table).unwrap()).unwrap().as_ref(), "chunks_x.lance");
            assert!(rooted.beneath(&Url::parse("file:///srv/other/chunks_x.lance").unwrap()).is_none());
        }
        assert!(!is_plain(Path::new("/srv/ü")) && !is_plain(Path::new("/srv/../x")));
    }
}
