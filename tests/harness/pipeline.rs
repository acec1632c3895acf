//! Pipeline files.

/// What a test's pipeline file says.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) name: &'static str,
    pub(crate) index: &'static str,
    pub(crate) model: &'static str,
    pub(crate) max_tokens: u32,
    pub(crate) overlap_tokens: u32,
    /// The source's default access list.
    pub(crate) default_readers: Option<&'static str>,
    /// More tables.
    pub(crate) more: &'static str,
}

impl Default for Pipeline {
    /// The fast model, small chunks, and everything for staff.
    fn default() -> Self {
        Self {
            name: "test",
            index: "index",
            model: "potion-base-8M",
            max_tokens: 64,
            overlap_tokens: 8,
            default_readers: Some("group:staff"),
            more: "",
        }
    }
}

impl Pipeline {
    pub(crate) fn text(&self) -> String {
        let Self { name, index, model, max_tokens, overlap_tokens, default_readers, more } = self;
        let default_acl = default_readers.map(|reader| format!("default_acl = {{ readers = [{reader:?}] }}"));
        let default_acl = default_acl.unwrap_or_default();
        format!(
            "version = 1\nname = {name:?}\n\n[index]\nuri = {index:?}\n\n[model]\nname = {model:?}\n\n\
             [chunk]\nmax_tokens = {max_tokens}\noverlap_tokens = {overlap_tokens}\n\n{more}\n\n\
             [[source]]\nname = \"docs\"\ntype = \"filesystem\"\nroot = \"docs\"\ninclude = [\"**/*\"]\n\
             {default_acl}\n"
        )
    }
}
