//! What sources make of events and files: the changes that reach the committer.

use std::collections::HashMap;

use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, Origin};
use alluvium_core::document::{
    DocumentState, IndexedContent, KnownDocument, Prepared, PreparedContent, RefusedContent,
};
use alluvium_core::hash::Sha256;
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::version::{Version, VersionKind};

use super::op::{Event, EventChange, LISTS, Source};
use super::oracle::{DEFAULT_LIST, Folder, id, paragraphs};
use crate::common::{prepared, upsert};

pub fn acl(list: u8) -> Acl {
    let (readers, denied) = LISTS[usize::from(list)];
    let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect();
    Acl { readers: own(readers), denied: own(denied), ..Acl::default() }.canonical().unwrap()
}

/// An event as the committer gets it.
pub fn event(event: &Event, position: usize) -> Prepared {
    let version = Version { incarnation: String::new(), kind: VersionKind::Producer, value: event.version };
    let id = id(Source::Events, event.document);
    let (content, list) = match event.change {
        EventChange::Upsert { text, list } => (indexed(&id, text, version.clone()), list),
        EventChange::Broken { list } => (refused(&id, Cause::Corrupt, version.clone()), list),
        EventChange::Emptied { list } => (refused(&id, Cause::Empty, version.clone()), list),
        EventChange::Delete => (PreparedContent::Deleted { version: version.clone() }, None),
        EventChange::Access { list } => (PreparedContent::Unsaid, Some(list)),
        EventChange::Unreadable { text: Some(text) } => (indexed(&id, text, version.clone()), None),
        EventChange::Unreadable { text: None } => (PreparedContent::Unsaid, None),
    };
    let unreadable = Refusal::new(Stage::Access, Cause::BadAccessList, "unreadable");
    let access = match list {
        _ if matches!(event.change, EventChange::Unreadable { .. }) => {
            AccessChange::Unreadable { version, refusal: unreadable }
        }
        Some(list) => AccessChange::Declared { version, acl: acl(list) },
        None => AccessChange::Unsaid { default: Some(acl(DEFAULT_LIST)) },
    };
    let origin = Origin { position: position.to_string(), ..Origin::default() };
    Prepared { origin, ..prepared(&id, content, access) }
}

/// A refused event as it is read again: what was broken is whole.
pub fn mended(event: &Event) -> Event {
    let change = match &event.change {
        EventChange::Broken { list } => EventChange::Upsert { text: 0, list: *list },
        EventChange::Unreadable { text: Some(text) } => {
            EventChange::Upsert { text: *text, list: Some(DEFAULT_LIST) }
        }
        EventChange::Unreadable { text: None } => EventChange::Access { list: DEFAULT_LIST },
        other => other.clone(),
    };
    Event { change, ..event.clone() }
}

fn indexed(id: &str, text: u8, version: Version) -> PreparedContent {
    let PreparedContent::Indexed(content) =
        upsert(id, &paragraphs(text).join("\n\n"), AccessChange::Unsaid { default: None }).content
    else {
        panic!("an upsert has content")
    };
    PreparedContent::Indexed(Box::new(IndexedContent { version, ..*content }))
}

fn refused(id: &str, cause: Cause, version: Version) -> PreparedContent {
    PreparedContent::Refused(Box::new(RefusedContent {
        version,
        refusal: Refusal::new(Stage::Extract, cause, "refused"),
        content_hash: Some(Sha256::of(cause.to_string())),
        pipeline_fingerprint: Sha256::of("pipeline"),
        uri: format!("file:///{id}"),
        media_type: None,
        hide: false,
        deleted: None,
    }))
}

/// What a scan of the folder says, by what the index knows, as the filesystem source compares the two.
pub fn scan(folder: &Folder, known: &HashMap<String, KnownDocument>) -> Vec<Prepared> {
    let mut changes = Vec::new();
    for (id, (text, list)) in folder {
        let known = known.get(id.split_once('/').unwrap().1);
        let list = acl(*list);
        let hash = Sha256::of(paragraphs(*text).join("\n\n"));
        let alive = known.filter(|k| k.state != DocumentState::Deleted);
        let same_content = alive.is_some_and(|k| k.content_hash.as_ref() == Some(&hash));
        let same_list = alive.is_some_and(|k| k.acl_hash.as_ref() == Some(&list.hash()));
        let indexed_already = alive.is_some_and(|k| k.state == DocumentState::Indexed);
        let access = AccessChange::Declared { version: Version::observed(), acl: list };
        match (same_content, same_list) {
            _ if known.is_some_and(|k| k.erased) => {}
            (true, true) => {}
            (true, false) if indexed_already => {
                changes.push(prepared(id, PreparedContent::Unsaid, access));
            }
            _ => changes.push(prepared(id, indexed(id, *text, Version::observed()), access)),
        }
    }
    for (local, known) in known {
        let id = format!("files/{local}");
        if !folder.contains_key(&id) && known.state != DocumentState::Deleted && !known.erased {
            let content = PreparedContent::Deleted { version: Version::observed() };
            changes.push(prepared(&id, content, AccessChange::Unsaid { default: Some(Acl::nobody()) }));
        }
    }
    changes
}
