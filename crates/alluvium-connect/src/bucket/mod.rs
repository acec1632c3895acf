//! Content by reference out of buckets of S3-compatible stores.
//!
//! Invariants:
//! - Only objects of declared buckets are asked for, beneath their prefixes, at the declared store: no
//!   redirect is followed.
//! - No more than the limit of any object is held, whatever the store says of its length. Every request ends
//!   in bounded time.
//! - While a store can't answer, or answers nobody with our access key, nothing of it is refused
//!   ([`breaker`]).
//! - Access keys are in no error and no log, nor is what a store says of them.
//! - Reading blocks, and may be called from anywhere: a thread of its own speaks to the stores.

mod breaker;
mod http;
mod key;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use alluvium_core::quarantine::Cause;
use tokio::runtime::{Builder, Runtime};

use crate::event::{Unread, refuse};
use http::Limits;
use key::Object;
pub(crate) use key::is_object;
use store::Store;

/// A bucket that may be read.
#[derive(Debug, Clone)]
pub struct BucketSpec {
    /// Its name.
    pub bucket: String,
    /// The path that keys begin with, without a slash at its end; all keys without.
    pub prefix: Option<String>,
    /// `scheme://host` or `scheme://host:port`; Amazon's without.
    pub endpoint: Option<String>,
    /// The region; `us-east-1` without.
    pub region: Option<String>,
    /// Who we are to the store; requests are not signed without.
    pub access_key: Option<AccessKey>,
}

/// An access key.
#[derive(Clone)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What goes with a key that is valid for a while.
    pub session_token: Option<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How long an object that can't be read holds up the source while its store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all: whoever reads would end with it, and meet it again the next time.
    Once,
    /// For some attempts: whoever reads asks again, ever less often.
    Following,
}

impl Patience {
    fn attempts(self) -> u32 {
        match self {
            Self::Once => 1,
            Self::Following => 5,
        }
    }
}

/// The buckets that may be read, and the thread that reads them.
#[derive(Debug)]
pub(crate) struct Buckets {
    declared: Vec<BucketSpec>,
    jobs: SyncSender<Job>,
}

struct Job {
    /// The bucket's place among those declared.
    bucket: usize,
    key: String,
    max: u64,
    reply: SyncSender<Result<Vec<u8>, Unread>>,
}

impl Buckets {
    /// Asks nobody yet.
    pub(crate) fn new(declared: Vec<BucketSpec>, patience: Patience) -> Result<Self, String> {
        let store = |spec| {
            Store::new(spec, patience, Limits::default()).map_err(|e| format!("bucket {}: {e}", spec.bucket))
        };
        let stores = declared.iter().map(store).collect::<Result<_, _>>()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| e.to_string())?;
        let (jobs, waiting) = sync_channel(0);
        let thread = std::thread::Builder::new().name("buckets".to_owned());
        thread.spawn(move || serve(&runtime, stores, &waiting)).map_err(|e| e.to_string())?;
        Ok(Self { declared, jobs })
    }

    /// Reads the object that `uri` refers to, at most `max` bytes.
    pub(crate) fn read(&self, uri: &str, max: u64) -> Result<Vec<u8>, Unread> {
        let object = Object::parse(uri)
            .map_err(|why| refuse(Cause::BadEvent, format!("content.uri {uri:?} {why}")))?;
        let holds = |spec: &BucketSpec| object.is_in(&spec.bucket, spec.prefix.as_deref());
        let Some(bucket) = self.declared.iter().position(holds) else { return Err(undeclared(uri)) };
        let (reply, answer) = sync_channel(1);
        let died = || Unread::Away("the thread that reads buckets has died".to_owned());
        self.jobs.send(Job { bucket, key: object.key, max, reply }).map_err(|_| died())?;
        answer.recv().unwrap_or_else(|_| Err(died()))
    }
}

/// The refusal of an object that is in no declared bucket.
pub(crate) fn undeclared(uri: &str) -> Unread {
    refuse(
        Cause::Unreadable,
        format!(
            "content.uri {uri:?} is in no content_bucket of the source; add its bucket there, or send the content \
             itself"
        ),
    )
}

/// Serves whoever reads, until they are gone.
fn serve(runtime: &Runtime, mut stores: Vec<Store>, jobs: &Receiver<Job>) {
    while let Ok(Job { bucket, key, max, reply }) = jobs.recv() {
        let Some(store) = stores.get_mut(bucket) else { return };
        // Who asked may be gone.
        let _ = reply.send(runtime.block_on(store.read(&key, max)));
    }
}
