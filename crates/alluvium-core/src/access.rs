//! Who may read: access lists, principals, and the one rule that joins them.

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;

/// The access list of a document. Principals are compared exactly, byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acl {
    /// Principals that may read. Nobody when empty.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Principals that may not, whatever else they are. Deny wins.
    #[serde(default)]
    pub denied: Vec<String>,
    /// The tenant the document belongs to; carried for downstream filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// A label such as `internal`; carried for downstream filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
}

/// Why an access list or a principal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// A principal without characters.
    #[error("a principal is empty")]
    Empty,
    /// A principal with white space at its ends or control characters: almost surely a mistake, and
    /// exact comparison would make it a silent one.
    #[error("the principal {0:?} has white space at an end or a control character")]
    Blank(String),
    /// Too many principals, or one that is too long.
    #[error("an access list holds at most {MAX_PRINCIPALS} principals of {MAX_PRINCIPAL} bytes")]
    Large,
}

/// Most principals in one list.
pub const MAX_PRINCIPALS: usize = 10_000;
/// Longest principal, in bytes.
pub const MAX_PRINCIPAL: usize = 1024;

fn check_principal(principal: &str) -> Result<(), AclError> {
    if principal.is_empty() {
        return Err(AclError::Empty);
    }
    if principal.len() > MAX_PRINCIPAL {
        return Err(AclError::Large);
    }
    if principal.trim() != principal || principal.chars().any(char::is_control) {
        return Err(AclError::Blank(principal.to_owned()));
    }
    Ok(())
}

impl Acl {
    /// A list that lets nobody in: what a document has whose own list can't be read.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Checks every principal, then sorts and deduplicates, so that equal lists are equal values.
    pub fn canonical(mut self) -> Result<Self, AclError> {
        if self.readers.len() > MAX_PRINCIPALS || self.denied.len() > MAX_PRINCIPALS {
            return Err(AclError::Large);
        }
        for list in [&mut self.readers, &mut self.denied] {
            list.iter().try_for_each(|p| check_principal(p))?;
            list.sort_unstable();
            list.dedup();
        }
        Ok(self)
    }

    /// Identity of the list, of canonical lists only.
    pub fn hash(&self) -> Sha256 {
        Sha256::of_json(self)
    }

    /// The rule: some principal is a reader, and none is denied.
    pub fn admits(&self, principals: &Principals) -> bool {
        let any = |list: &[String]| list.iter().any(|p| principals.0.contains(p));
        any(&self.readers) && !any(&self.denied)
    }
}

/// Who asks. There is no search without it, and it is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principals(Vec<String>);

impl Principals {
    /// The union of `principals`.
    pub fn new(principals: impl IntoIterator<Item = String>) -> Result<Self, AclError> {
        let mut list: Vec<String> = principals.into_iter().collect();
        list.iter().try_for_each(|p| check_principal(p))?;
        list.sort_unstable();
        list.dedup();
        if list.is_empty() { Err(AclError::Empty) } else { Ok(Self(list)) }
    }

    /// The principals, sorted.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(readers: &[&str], denied: &[&str]) -> Acl {
        let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect();
        Acl { readers: own(readers), denied: own(denied), ..Acl::default() }
    }

    fn who(principals: &[&str]) -> Principals {
        Principals::new(principals.iter().map(|p| (*p).to_owned())).unwrap()
    }

    #[test]
    fn the_rule() {
        let list = acl(&["group:a", "group:b"], &["user:x"]);
        assert!(list.admits(&who(&["group:b"])));
        assert!(!list.admits(&who(&["group:c"])));
        assert!(!list.admits(&who(&["group:a", "user:x"])), "deny wins");
        assert!(!list.admits(&who(&["GROUP:A"])), "case counts");
        assert!(!Acl::nobody().admits(&who(&["group:a"])));
        assert!(!acl(&["*"], &[]).admits(&who(&["group:a"])), "no wildcards");
    }

    #[test]
    fn equal_lists_have_equal_hashes() {
        let one = acl(&["b", "a", "a"], &[]).canonical().unwrap();
        let two = acl(&["a", "b"], &[]).canonical().unwrap();
        assert_eq!(one.hash(), two.hash());
    }

    #[test]
    fn principals_that_could_never_match_are_refused() {
        assert_eq!(Principals::new([]), Err(AclError::Empty));
        assert_eq!(Principals::new([" a".to_owned()]), Err(AclError::Blank(" a".to_owned())));
        assert!(acl(&[""], &[]).canonical().is_err());
    }
}
