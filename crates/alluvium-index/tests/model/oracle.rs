//! The model: what the index must hold, told in the words of the design page and not in those of the code.
//! Changes are applied one by one; there are no batches, no tables and no crashes here.

use std::collections::{BTreeMap, BTreeSet};

use super::op::{Event, EventChange, LISTS, NOBODY, Source};

/// The list that an event without one takes, and a file without a sidecar.
pub const DEFAULT_LIST: u8 = 0;

/// The paragraphs of a content. All have a word in common.
pub fn paragraphs(text: u8) -> Vec<String> {
    let first = format!("any words of content {text}");
    let second = format!("any more of it, as in {}", text % 2);
    if text.is_multiple_of(2) { vec![first] } else { vec![first, second] }
}

pub fn id(source: Source, document: u8) -> String {
    match source {
        Source::Events => format!("events/{document}"),
        Source::Files => format!("files/{document}.txt"),
    }
}

/// Events have versions, files have none.
type Version = Option<u64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Served(u8),
    Deleted,
    Refused,
    /// Its source says nothing any more, or a person did without what it says.
    Emptied,
}

#[derive(Debug, Clone, Copy)]
struct Content {
    state: State,
    version: Version,
}

#[derive(Debug, Clone)]
struct Erasure {
    seq: u64,
    undone: bool,
    /// The newest version that was known: what is not newer never comes back.
    version: Version,
}

#[derive(Debug, Clone)]
struct Policy {
    list: u8,
    version: Version,
    /// Nobody can read the list of this version.
    unreadable: bool,
    /// The version of its deletion, while it is deleted.
    deleted: Option<Version>,
    erased: Option<Erasure>,
}

#[derive(Debug, Clone, Default)]
struct Document {
    content: Option<Content>,
    policy: Option<Policy>,
    held: Option<Hold>,
    /// A person decided to do without its refused content, which need not wait any more.
    done_without: bool,
}

/// What a rollback holds back.
#[derive(Debug, Clone, Copy)]
struct Hold {
    /// The content of the file, or its absence.
    content: Option<u8>,
    /// A person decided to do without it: no rollback ends that.
    dropped: bool,
    /// A person wants it.
    wanted: bool,
}

/// The state of a record.
#[derive(Debug, Clone)]
struct Layer {
    documents: BTreeMap<String, Document>,
    position: usize,
}

#[derive(Debug, Clone, Default)]
pub struct Oracle {
    documents: BTreeMap<String, Document>,
    /// Events of the log that are contained.
    pub position: usize,
    pub paused: bool,
    layers: BTreeMap<u64, Layer>,
}

/// A folder: file → its text and its list.
pub type Folder = BTreeMap<String, (u8, u8)>;

/// A row of chunks: id, text, readers, denied.
pub type Row = (String, String, Vec<String>, Vec<String>);

fn admits(list: u8, who: &str) -> bool {
    let (readers, denied) = LISTS[usize::from(list)];
    readers.contains(&who) && !denied.contains(&who)
}

impl Document {
    fn is_erased(&self) -> bool {
        self.policy.as_ref().and_then(|p| p.erased.as_ref()).is_some_and(|e| !e.undone)
    }

    fn is_alive(&self) -> bool {
        self.content.is_some_and(|c| c.state != State::Deleted)
    }

    fn deleted(&self) -> Option<Version> {
        self.policy.as_ref().and_then(|p| p.deleted)
    }

    fn served(&self) -> Option<u8> {
        match self.content?.state {
            State::Served(text) => Some(text),
            State::Deleted | State::Refused | State::Emptied => None,
        }
    }

    /// The newest version of content that is known and may not be undercut, and whether it is one of
    /// something gone, whose very version is too late, too.
    fn floor(&self) -> (Version, Version) {
        let content = self.content.filter(|c| c.state != State::Refused);
        let alive = content.filter(|c| c.state != State::Deleted).and_then(|c| c.version);
        let dead = content.filter(|c| c.state == State::Deleted).and_then(|c| c.version);
        let erased = self.policy.as_ref().and_then(|p| p.erased.as_ref()).and_then(|e| e.version);
        (alive, dead.max(self.deleted().flatten()).max(erased))
    }

    fn is_stale(&self, version: u64) -> bool {
        let (alive, dead) = self.floor();
        alive.is_some_and(|at| version < at) || dead.is_some_and(|at| version <= at)
    }

    fn serve(&mut self, text: u8, version: Version) {
        self.content = Some(Content { state: State::Served(text), version });
        self.held = None;
        if let Some(policy) = &mut self.policy {
            policy.deleted = None;
        }
    }

    fn delete(&mut self, version: Version) {
        self.content = Some(Content { state: State::Deleted, version });
        self.held = None;
        if let Some(policy) = &mut self.policy {
            policy.deleted = Some(version);
        }
    }

    /// A rollback that keeps the offsets holds what its source has until that changes; one that rewinds them
    /// holds nothing.
    fn hold(&mut self, was: &Self, keep_offsets: bool) {
        if !keep_offsets {
            self.held = self.held.filter(|held| held.dropped);
            return;
        }
        let removed = was.served().is_some() && self.served().is_none();
        let replaced = self.served().is_some() && self.served() != was.served();
        if (removed || replaced) && was.held.is_none() && was.content.is_some() {
            self.held = Some(Hold { content: was.served(), dropped: false, wanted: false });
        }
        // What was emptied then is so again, and no hold of its own is needed to serve nothing.
        if removed && !self.content.is_some_and(|c| c.state == State::Emptied) {
            self.content = was.content.map(|c| Content { state: State::Refused, ..c });
        }
    }

    /// Nobody may read what has a list that can't be read, unless a list that is not older is known.
    fn hide(&mut self, version: u64) {
        let hidden = (NOBODY, Some(version), true);
        match &mut self.policy {
            None => {
                let (list, version, unreadable) = hidden;
                self.policy = Some(Policy { list, version, unreadable, deleted: None, erased: None });
            }
            Some(policy)
                if policy.version < Some(version) || policy.unreadable && policy.version == Some(version) =>
            {
                (policy.list, policy.version, policy.unreadable) = hidden;
            }
            Some(_) => {}
        }
    }

    /// Access has versions of its own. Nothing said keeps what is known; what is known of a list that has
    /// no version gives way.
    fn list(&mut self, said: Option<u8>, version: Version) {
        match (&mut self.policy, said) {
            (None, said) => {
                let version = said.and(version);
                let list = said.unwrap_or(DEFAULT_LIST);
                self.policy = Some(Policy { list, version, unreadable: false, deleted: None, erased: None });
            }
            (Some(_), None) => {}
            (Some(policy), Some(list)) => {
                let newer = match (version, policy.version) {
                    (Some(new), Some(known)) => new > known || (policy.unreadable && new == known),
                    (Some(_), None) => true,
                    (None, _) => list != policy.list,
                };
                if newer {
                    (policy.list, policy.version, policy.unreadable) = (list, version, false);
                }
            }
        }
    }
}

impl Oracle {
    fn document(&mut self, id: &str) -> &mut Document {
        self.documents.entry(id.to_owned()).or_default()
    }

    /// One event, after all before it.
    pub fn event(&mut self, event: &Event) {
        self.position += 1;
        self.take(event);
    }

    /// One event, whenever it comes.
    pub fn take(&mut self, event: &Event) {
        let document = self.document(&id(Source::Events, event.document));
        let version = Some(event.version);
        let list = match event.change {
            EventChange::Upsert { list, .. }
            | EventChange::Broken { list }
            | EventChange::Emptied { list } => list,
            EventChange::Delete | EventChange::Unreadable { .. } => None,
            EventChange::Access { list } => Some(list),
        };
        if matches!(event.change, EventChange::Unreadable { .. }) {
            document.hide(event.version);
        } else {
            document.list(list, version);
        }
        if document.is_erased() || document.is_stale(event.version) {
            // A deletion that is repeated is one.
            return;
        }
        match event.change {
            EventChange::Upsert { text, .. } | EventChange::Unreadable { text: Some(text) } => {
                let conflict = document.content.is_some_and(|c| c.version == version)
                    && document.served().is_some_and(|served| served != text);
                if !conflict {
                    document.serve(text, version);
                }
            }
            EventChange::Broken { .. } => {
                document.done_without = false;
                let emptied = document.content.is_some_and(|c| c.state == State::Emptied);
                if document.served().is_none() && !emptied {
                    document.content = Some(Content { state: State::Refused, version });
                }
            }
            EventChange::Emptied { .. } => {
                let conflict = document.content.is_some_and(|c| c.version == version);
                if !(conflict && document.served().is_some()) {
                    document.done_without = false;
                    document.content = Some(Content { state: State::Emptied, version });
                }
            }
            EventChange::Delete => document.delete(version),
            EventChange::Access { .. } | EventChange::Unreadable { text: None } => {}
        }
    }

    /// A scan of the whole folder. It compares with what it last saw of each file.
    pub fn scan(&mut self, folder: &Folder) {
        let known: BTreeSet<String> =
            self.documents.keys().filter(|id| id.starts_with("files/")).cloned().collect();
        for id in known.union(&folder.keys().cloned().collect()) {
            let document = self.document(id);
            if document.is_erased() {
                continue;
            }
            let seen = match document.held {
                Some(held) => held.content,
                None => document.served(),
            };
            let wanted = document.held.is_some_and(|held| held.wanted);
            match folder.get(id) {
                Some((text, list)) if wanted || seen != Some(*text) => {
                    document.list(Some(*list), None);
                    document.serve(*text, None);
                }
                Some((text, list)) => {
                    let other = document.policy.as_ref().is_none_or(|p| p.list != *list);
                    document.list(Some(*list), None);
                    // The list may be what it lacked.
                    if other && document.served().is_none() {
                        document.serve(*text, None);
                    }
                }
                None if document.is_alive() && (wanted || document.held.is_none() || seen.is_some()) => {
                    document.delete(None);
                }
                None => {}
            }
        }
    }

    /// Whether there is anything to erase.
    pub fn can_erase(&self, id: &str) -> bool {
        self.documents.get(id).is_some_and(|d| d.policy.is_some() && !d.is_erased())
    }

    pub fn can_unerase(&self, id: &str) -> bool {
        self.documents.get(id).is_some_and(Document::is_erased)
    }

    pub fn erase(&mut self, id: &str, seq: u64) {
        let document = self.document(id);
        let before = document.policy.as_ref().and_then(|p| p.erased.as_ref()).and_then(|e| e.version);
        let (alive, dead) = document.floor();
        let refused = document.content.and_then(|c| c.version);
        let version = alive.max(dead).max(refused).max(before);
        if let Some(content) = &mut document.content {
            content.state = State::Deleted;
        }
        document.held = None;
        if let Some(policy) = &mut document.policy {
            policy.deleted = Some(version);
            policy.erased = Some(Erasure { seq, undone: false, version });
        }
    }

    pub fn unerase(&mut self, id: &str) {
        let erased = self.document(id).policy.as_mut().and_then(|p| p.erased.as_mut());
        erased.unwrap().undone = true;
    }

    /// Content goes back, policy stays, and so does what was deleted or erased since.
    pub fn roll_back(&mut self, to: u64, restore_deleted: bool, keep_offsets: bool, pause: bool) {
        let then = self.layers[&to].clone();
        let ids: Vec<String> = self.documents.keys().cloned().collect();
        for id in ids {
            let before = then.documents.get(&id).cloned().unwrap_or_default();
            let now = self.document(&id);
            let was = now.clone();
            now.content = before.content;
            let deleted_then = before.deleted();
            if let Some(policy) = &mut now.policy {
                let survived = policy.erased.as_ref().is_none_or(|e| e.undone && e.seq <= to);
                match before.content.map(|c| c.state) {
                    Some(State::Served(_)) if survived && (policy.deleted.is_none() || restore_deleted) => {
                        policy.deleted = None;
                    }
                    Some(State::Served(_)) => {
                        now.content = before.content.map(|c| Content { state: State::Deleted, ..c });
                    }
                    Some(State::Deleted) => policy.deleted = policy.deleted.or(deleted_then),
                    Some(State::Refused | State::Emptied) | None => {}
                }
            }
            now.hold(&was, keep_offsets);
        }
        if !keep_offsets {
            self.position = then.position;
        }
        self.paused = pause;
    }

    /// A person wants all that waits to be tried again.
    pub fn retry(&mut self) {
        for held in self.documents.values_mut().filter_map(|d| d.held.as_mut()) {
            held.wanted |= !held.dropped;
        }
    }

    /// A person decides to do without what waits of a document. An older version is not served in place of
    /// content that was refused in that version.
    pub fn do_without(&mut self, id: &str, refused: Version) {
        let document = self.document(id);
        document.done_without = true;
        let served = document.content.filter(|c| matches!(c.state, State::Served(_)));
        if let (Some(served), Some(_)) = (served, refused)
            && refused >= served.version
        {
            document.content = Some(Content { state: State::Emptied, version: refused });
        }
        if let Some(held) = &mut document.held {
            (held.dropped, held.wanted) = (true, false);
        }
    }

    /// Documents that have never had good content, or have none left: each waits in quarantine, unless a
    /// person does without it.
    pub fn refused(&self) -> Vec<String> {
        let is_refused = |state| matches!(state, State::Refused | State::Emptied);
        let refused = |d: &Document| d.content.is_some_and(|c| is_refused(c.state)) && !d.done_without;
        self.documents.iter().filter(|(_, d)| refused(d)).map(|(id, _)| id.clone()).collect()
    }

    /// All rows that are served, each with its list: id, paragraph, readers, denied.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (id, document) in &self.documents {
            if let (Some(policy), Some(text)) = (&document.policy, document.served()) {
                let (readers, denied) = LISTS[usize::from(policy.list)];
                let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
                rows.extend(paragraphs(text).into_iter().map(|p| (id.clone(), p, own(readers), own(denied))));
            }
        }
        rows.sort();
        rows
    }

    /// What everybody finds who may: id → paragraphs.
    pub fn found(&self, who: &str) -> Vec<String> {
        let served = self.documents.iter().filter_map(|(id, document)| {
            let policy = document.policy.as_ref()?;
            admits(policy.list, who).then_some((id, document.served()?))
        });
        lines(served)
    }

    /// What is found in an earlier record: what may be read both then and now.
    pub fn found_at(&self, seq: u64, who: &str) -> Vec<String> {
        let then = &self.layers[&seq];
        let served = then.documents.iter().filter_map(|(id, document)| {
            let (before, now) = (document.policy.as_ref()?, self.documents.get(id)?.policy.as_ref()?);
            let survived = now.erased.as_ref().is_none_or(|e| e.undone && e.seq <= seq);
            let admitted = admits(before.list, who) && admits(now.list, who);
            (admitted && survived && now.deleted.is_none()).then_some((id, document.served()?))
        });
        lines(served)
    }

    /// Remembers the state as that of a record; gives whether the record is new.
    pub fn published(&mut self, seq: u64) -> bool {
        let layer = Layer { documents: self.documents.clone(), position: self.position };
        self.layers.insert(seq, layer).is_none()
    }

    /// Records to go back to, the newest first.
    pub fn records(&self) -> Vec<u64> {
        self.layers.keys().rev().copied().collect()
    }
}

fn lines<'a>(served: impl Iterator<Item = (&'a String, u8)>) -> Vec<String> {
    let mut lines: Vec<String> = served
        .flat_map(|(id, text)| paragraphs(text).into_iter().map(move |p| format!("{id}: {p}")))
        .collect();
    lines.sort();
    lines
}
