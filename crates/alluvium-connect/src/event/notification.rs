//! Bucket notifications, as S3, MinIO and Ceph send them of their objects.
//!
//! | event | becomes |
//! |---|---|
//! | `ObjectCreated:*` | an upsert, whose content is the reference `s3://bucket/key` |
//! | `ObjectRemoved:*`, and what a lifecycle rule removes | a deletion |
//! | what leaves every object's content as it is | nothing |
//!
//! The removal of one version of an object (`ObjectRemoved:Delete` with a `versionId`) is refused: whether
//! another version is there now, it does not say. What the object had last goes with its delete marker.

use alluvium_core::change::MediaType;
use alluvium_core::percent::{decode, encode};
use serde::Deserialize;

use super::EventError;
use super::shape::{Content, Event, Op};

/// Begin the names of events that leave contents as they are.
const UNCHANGED: &[&str] = &[
    "BucketCreated",
    "IntelligentTiering",
    "LifecycleDelMarkerExpiration:",
    "LifecycleTransition",
    "ObjectAccessed:",
    "ObjectAcl:",
    "ObjectAnnotation:",
    "ObjectLifecycle:Expiration:AbortMultipartUpload",
    "ObjectLifecycle:Expiration:DeleteMarker",
    "ObjectLifecycle:Expiration:NonCurrent",
    "ObjectLifecycle:Transition:",
    "ObjectRestore:",
    "ObjectRetention:",
    "ObjectTagging:",
    "ObjectTransition:",
    "Replication:",
    "Scanner:",
    "TestEvent",
];
/// Begin the names of events by which an object is gone. All but the first are a lifecycle's.
const REMOVED: &[&str] =
    &["ObjectRemoved:", "LifecycleExpiration:Delete", "ObjectLifecycle:Expiration:Current"];

/// Keys that are not here differ between the stores, and mean nothing.
#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    /// S3 sends it once, when somebody asks for notifications.
    #[serde(rename = "Event")]
    event: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    event_source: Option<String>,
    event_time: Option<String>,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    content_type: Option<String>,
    version_id: Option<String>,
}

/// What a notification says; `None` where all contents stay as they are.
pub(super) fn event(value: &[u8]) -> Result<Option<Event>, EventError> {
    let wrong = |detail: String| EventError::new(format!("it is no bucket notification: {detail}"));
    let notification: Notification = serde_json::from_slice(value).map_err(|e| wrong(e.to_string()))?;
    let records = match (notification.records, notification.event) {
        (None, Some(name)) if is_unchanged(plain(&name)) => return Ok(None),
        (records, _) => records.ok_or_else(|| wrong("it has no `Records`".to_owned()))?,
    };
    match <[Record; 1]>::try_from(records) {
        Ok([record]) => record.event(),
        Err(records) => {
            let number = records.len();
            Err(EventError::new(format!(
                "it has {number} records: send one record a message, keyed by its object"
            )))
        }
    }
}

impl Record {
    fn event(self) -> Result<Option<Event>, EventError> {
        let name = plain(&self.event_name);
        if is_unchanged(name) {
            return Ok(None);
        }
        let key = self.key()?;
        // What stands for a folder in a browser of buckets.
        if key.ends_with('/') {
            return Ok(None);
        }
        let bucket = &self.s3.bucket.name;
        let id = format!("{bucket}/{key}");
        let event = if name.starts_with("ObjectCreated:") {
            self.upsert(id, &key)
        } else if REMOVED.iter().any(|removed| name.starts_with(removed)) {
            self.check_whole(name)?;
            Event::new(Op::Delete, id)
        } else {
            let name = super::shorten(&self.event_name);
            return Err(EventError::new(format!(
                "events {name:?} are not understood; understood are ObjectCreated and ObjectRemoved"
            )));
        };
        Ok(Some(Event { event_time: self.event_time, ..event }))
    }

    /// The object's key. Ceph writes it as it is, the others as in a form.
    fn key(&self) -> Result<String, EventError> {
        let written = &self.s3.object.key;
        let key = if self.event_source.as_deref() == Some("ceph:s3") {
            Some(written.clone())
        } else {
            decode(&written.replace('+', " "))
        };
        let is_bucket = |name: &str| !name.is_empty() && !name.contains('/');
        match key.filter(|key| !key.is_empty() && is_bucket(&self.s3.bucket.name)) {
            Some(key) => Ok(key),
            None => {
                let [bucket, key] = [&self.s3.bucket.name, written].map(|text| super::shorten(text));
                Err(EventError::new(format!("bucket {bucket:?} and key {key:?} name no object")))
            }
        }
    }

    fn upsert(&self, id: String, key: &str) -> Event {
        let uri = format!("s3://{}/{}", encode(&self.s3.bucket.name), encode(key));
        let said = self.s3.object.content_type.as_deref();
        let media_type = said.and_then(MediaType::of_mime).or_else(|| MediaType::of_file_name(key));
        let charset = said.and_then(MediaType::charset_of_mime);
        let media_type = media_type.map(MediaType::as_str).or(said).unwrap_or("application/octet-stream");
        let media_type = match charset {
            Some(charset) => format!("{media_type}; charset={charset}"),
            None => media_type.to_owned(),
        };
        let content = Content { uri: Some(uri.clone()), ..Content::of(media_type) };
        Event { content: Some(content), uri: Some(uri), ..Event::new(Op::Upsert, id) }
    }

    /// That it is not only a version that went, of which there may be others.
    fn check_whole(&self, name: &str) -> Result<(), EventError> {
        let version = self.s3.object.version_id.as_deref().filter(|id| !matches!(*id, "" | "null"));
        match version.filter(|_| name.ends_with(":Delete")) {
            None => Ok(()),
            Some(version) => Err(EventError::new(format!(
                "{name} of version {:?}: whether the object has another version now can't be told; of a bucket \
                 with versions let {} come instead",
                super::shorten(version),
                name.replace(":Delete", ":DeleteMarkerCreated")
            ))),
        }
    }
}

/// The name of an event without the `s3:` that some stores put in front.
fn plain(name: &str) -> &str {
    name.strip_prefix("s3:").unwrap_or(name)
}

fn is_unchanged(name: &str) -> bool {
    UNCHANGED.iter().any(|unchanged| name.starts_with(unchanged))
}

#[cfg(test)]
mod tests;
