//! A value out of a string of the file, which may hold the content of environment variables.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// A value that knows how it was written. Whoever uses it sees the value (it dereferences to it);
/// whoever prints or serializes it sees `${NAME}` where a variable was put in.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<T> {
    inner: T,
    written: String,
    interpolated: bool,
}

impl<T> Value<T> {
    pub(crate) fn new(inner: T, written: String, interpolated: bool) -> Self {
        Self { inner, written, interpolated }
    }

    /// The value itself. Printing that is on the caller.
    pub fn expose(&self) -> &T {
        &self.inner
    }

    /// The value itself. Printing that is on the caller.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The value as the file has it, variables by name.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether it holds the content of an environment variable.
    pub fn is_interpolated(&self) -> bool {
        self.interpolated
    }
}

impl<T> Deref for Value<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.interpolated { fmt::Debug::fmt(&self.written, f) } else { self.inner.fmt(f) }
    }
}

impl<T> fmt::Display for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl<T> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
