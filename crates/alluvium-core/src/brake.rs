//! The mass-delete brake: a listing that came back empty or suddenly much smaller deletes nothing until
//! a person says so. A mount that is gone looks exactly like a folder that was emptied.

/// What a complete listing of a source showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Documents in the listing now.
    pub listed: u64,
    /// Documents that the index holds of this source.
    pub known: u64,
    /// Of those, the ones the listing lacks.
    pub missing: u64,
}

/// The brake is on: this many deletions were withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the listing holds {} documents where the index knows {}: {} deletions are withheld",
    .0.listed, .0.known, .0.missing
)]
pub struct Brake(pub Listing);

/// The listing must have shrunk by more than a half of what is known, or be empty.
pub fn judge(listing: Listing, allow_deletes: bool) -> Result<(), Brake> {
    let shrunk = listing.listed == 0 || listing.listed.saturating_mul(2) < listing.known;
    if listing.missing > 0 && shrunk && !allow_deletes { Err(Brake(listing)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let on = |listed, known, missing| judge(Listing { listed, known, missing }, false).is_err();
        assert!(on(0, 1, 1), "empty");
        assert!(on(4, 10, 6), "less than half is left");
        assert!(!on(5, 10, 5), "half is left");
        assert!(!on(10, 10, 10), "all were renamed");
        assert!(!on(0, 0, 0), "nothing was there");
        assert!(judge(Listing { listed: 0, known: 9, missing: 9 }, true).is_ok());
    }
}
