//! One bucket: asked for an object, and judged where that goes wrong. Async; all that blocks is elsewhere.

use std::error::Error;
use std::time::Duration;

use alluvium_core::quarantine::Cause;
use futures::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{BackoffConfig, GetOptions, ObjectStore, RetryConfig};

use super::breaker::{Breaker, Probe, Trouble, Verdict};
use super::http::{Http, LastStatus, Limits};
use super::{BucketSpec, Patience};
use crate::event::{Unread, refuse};

const REGION: &str = "us-east-1";

/// A bucket and what is known of its store.
pub(super) struct Store {
    bucket: String,
    prefix: Option<String>,
    /// For people.
    host: String,
    objects: AmazonS3,
    /// The same without retries.
    probe: AmazonS3,
    last: LastStatus,
    breaker: Breaker,
}

/// What asking for an object came to.
enum Asked {
    Read(Vec<u8>),
    TooLarge(u64),
    Went(Trouble, String),
}

impl Store {
    /// Speaks to nobody yet.
    pub(super) fn new(spec: &BucketSpec, patience: Patience, limits: Limits) -> Result<Self, String> {
        let last = LastStatus::default();
        let in_the_clear = spec.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let http = Http::new(in_the_clear, limits, last.clone()).map_err(|e| root_cause(&e))?;
        let client = |retry| client(spec, http.clone(), retry).map_err(|e| root_cause(&e));
        let region = spec.region.as_deref().unwrap_or(REGION);
        Ok(Self {
            bucket: spec.bucket.clone(),
            prefix: spec.prefix.clone(),
            host: spec.endpoint.clone().unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com")),
            objects: client(quick_retries())?,
            probe: client(RetryConfig { max_retries: 0, ..RetryConfig::default() })?,
            last,
            breaker: Breaker::new(patience.attempts()),
        })
    }

    /// Reads an object of at most `max` bytes.
    pub(super) async fn read(&mut self, key: &str, max: u64) -> Result<Vec<u8>, Unread> {
        let mut probed = None;
        if self.breaker.is_open() {
            let (probe, why) = self.probe().await;
            if probe == Probe::Fails {
                return Err(self.away(&why));
            }
            probed = Some((probe, why));
        }
        let (trouble, why) = match self.ask(key, max).await {
            Asked::Read(bytes) => {
                self.breaker.read(key);
                return Ok(bytes);
            }
            Asked::TooLarge(size) => {
                self.breaker.read(key);
                return Err(refuse(Cause::TooLarge, format!("{size} bytes; max_event_size is {max}")));
            }
            Asked::Went(trouble, why) => (trouble, why),
        };
        let (probe, _) = match probed {
            Some(probed) => probed,
            None => self.probe().await,
        };
        Err(match self.breaker.judge(key, trouble, probe) {
            Verdict::Refuse => self.refused(key, trouble, &why),
            Verdict::WaitForObject(times) => Unread::Away(format!(
                "{} can't be read (attempt {times}), though its store answers: {why}",
                self.name(key)
            )),
            Verdict::WaitForStore => self.away(&why),
        })
    }

    async fn ask(&self, key: &str, max: u64) -> Asked {
        match self.get(key, max).await {
            Ok(asked) => asked,
            Err(error) => {
                let trouble = match self.last.get() {
                    404 => Trouble::Missing,
                    401 | 403 => Trouble::Denied,
                    _ => Trouble::Failed,
                };
                Asked::Went(trouble, root_cause(&error))
            }
        }
    }

    async fn get(&self, key: &str, max: u64) -> object_store::Result<Asked> {
        let found = self.objects.get_opts(&Path::parse(key)?, GetOptions::default()).await?;
        let size = found.meta.size;
        if size > max {
            return Ok(Asked::TooLarge(size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        let mut parts = found.into_stream();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part?);
            // Whatever it said of its length.
            if bytes.len() as u64 > max {
                return Ok(Asked::TooLarge(bytes.len() as u64));
            }
        }
        Ok(Asked::Read(bytes))
    }

    /// Asks for one of the keys that may be read.
    async fn probe(&self) -> (Probe, String) {
        let prefix = self.prefix.as_ref().map(|prefix| format!("{prefix}/"));
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        match self.probe.list_paginated(prefix.as_deref(), options).await {
            Ok(_) => (Probe::Answers, String::new()),
            Err(error) if matches!(self.last.get(), 401 | 403) => (Probe::Denied, root_cause(&error)),
            Err(error) => (Probe::Fails, root_cause(&error)),
        }
    }

    fn name(&self, key: &str) -> String {
        format!("the object {key:?} of the bucket {} at {}", self.bucket, self.host)
    }

    fn away(&self, why: &str) -> Unread {
        Unread::Away(format!("the bucket {} at {} can't be read: {why}", self.bucket, self.host))
    }

    fn refused(&self, key: &str, trouble: Trouble, why: &str) -> Unread {
        let name = self.name(key);
        match trouble {
            Trouble::Missing => {
                refuse(Cause::Vanished, format!("{name} is not there; send the event again once it is"))
            }
            Trouble::Denied => refuse(
                Cause::Unreadable,
                format!("{name} may not be read: {why}; let the access key read it, then retry"),
            ),
            Trouble::Failed => refuse(
                Cause::Unreadable,
                format!("{name} can't be read, though its store answers: {why}; mend it, then retry"),
            ),
        }
    }
}

fn client(spec: &BucketSpec, http: Http, retry: RetryConfig) -> object_store::Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&spec.bucket)
        .with_region(spec.region.as_deref().unwrap_or(REGION))
        .with_http_connector(http)
        .with_retry(retry);
    if let Some(endpoint) = &spec.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder = match &spec.access_key {
        None => builder.with_skip_signature(true),
        Some(key) => {
            let signed = builder.with_access_key_id(&key.id).with_secret_access_key(&key.secret);
            key.session_token.iter().fold(signed, |signed, token| signed.with_token(token))
        }
    };
    builder.build()
}

/// For what is over in a moment; longer ones are the source's, which waits meanwhile.
fn quick_retries() -> RetryConfig {
    let (init_backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(1));
    let backoff = BackoffConfig { init_backoff, max_backoff, base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(5) }
}

/// The innermost error, shortened: those around it say again what was to be done, and where.
fn root_cause(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    text.trim_end_matches([':', ' '])
        .chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
