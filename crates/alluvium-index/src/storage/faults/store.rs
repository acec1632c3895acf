//! A store that answers with errors where it is told to.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use super::{Fault, How, Installed, Step};

/// The store of a folder, or of a table's whole file system, under the faults of a root.
#[derive(Debug, Clone)]
pub(super) struct Faulty {
    pub(super) installed: Arc<Installed>,
    /// What stands before the names that this store gets; empty where they are absolute.
    pub(super) base: String,
    pub(super) inner: Arc<dyn ObjectStore>,
}

fn error(fault: Fault) -> Error {
    Error::Generic { store: "faulty", source: Box::new(io::Error::from_raw_os_error(fault.errno)) }
}

impl Faulty {
    fn judge(&self, step: Step, location: &Path) -> Option<Fault> {
        let root = self.installed.root.to_string_lossy();
        let name = location.as_ref();
        let name = name.strip_prefix(root.trim_start_matches('/')).unwrap_or(name).trim_start_matches('/');
        let name = if self.base.is_empty() { name.to_owned() } else { format!("{}/{name}", self.base) };
        (self.installed.judge)(step, &name)
    }

    /// Of a step that is done or not done, nothing between.
    fn judged(&self, step: Step, location: &Path) -> Result<Option<Fault>> {
        match self.judge(step, location) {
            Some(fault) if fault.how == How::Done => Ok(Some(fault)),
            Some(fault) => Err(error(fault)),
            None => Ok(None),
        }
    }
}

/// The answer to a step that was done.
fn answered<T>(fault: Option<Fault>, answer: T) -> Result<T> {
    fault.map_or(Ok(answer), |fault| Err(error(fault)))
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {:?}", self.inner, self.installed)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let fault = match self.judge(Step::Write, location) {
            Some(fault) if fault.how == How::Undone => return Err(error(fault)),
            fault => fault,
        };
        let torn = fault.is_some_and(|fault| fault.how == How::Torn);
        let payload = if torn {
            let whole: Vec<u8> = payload.iter().flat_map(|part| part.iter().copied()).collect();
            PutPayload::from(whole.get(..whole.len() / 2).unwrap_or_default().to_vec())
        } else {
            payload
        };
        answered(fault, self.inner.put_opts(location, payload, opts).await?)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fault = self.judge(Step::Write, location);
        answered(fault, self.inner.put_multipart_opts(location, opts).await?)
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.judge(Step::Read, location);
        answered(fault, self.inner.get_opts(location, options).await?)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                let fault = store.judged(Step::Delete, &location)?;
                store.inner.delete(&location).await?;
                answered(fault, location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.judge(Step::List, &prefix.cloned().unwrap_or_default()) {
            Some(fault) => stream::once(async move { Err(error(fault)) }).boxed(),
            None => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.judge(Step::List, &prefix.cloned().unwrap_or_default());
        answered(fault, self.inner.list_with_delimiter(prefix).await?)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fault = self.judged(Step::Write, to)?;
        self.inner.copy_opts(from, to, options).await?;
        answered(fault, ())
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let fault = self.judged(Step::Rename, to)?;
        self.inner.rename_opts(from, to, options).await?;
        answered(fault, ())
    }
}
