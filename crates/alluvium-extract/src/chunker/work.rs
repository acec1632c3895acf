//! How much text the chunker looks at, counted in tests: time in proportion to the text is a promise, and a
//! clock can't hold it.

/// So many bytes, or places, were looked at.
#[inline]
pub(super) fn done(_count: usize) {
    #[cfg(test)]
    counted::DONE.with(|done| done.set(done.get() + _count));
}

#[cfg(test)]
pub(super) mod counted {
    use std::cell::Cell;

    thread_local! {
        pub(super) static DONE: Cell<usize> = const { Cell::new(0) };
    }

    /// What this thread has counted since it was last asked.
    pub(in super::super) fn take() -> usize {
        DONE.with(|done| done.take())
    }
}
