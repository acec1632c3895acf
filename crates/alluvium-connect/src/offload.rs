//! Blocking work for an async source, such that a dropped future loses nothing.

use tokio::task::{JoinError, JoinHandle};

/// State that one blocking task at a time works on.
///
/// Invariants:
/// - The state is either here or with the one task that runs.
/// - A task whose caller went away runs to its end, and its result is what the next call gets: it is
///   never lost, and never done twice.
pub(crate) struct Offloaded<S, T> {
    state: Option<Box<S>>,
    running: Option<JoinHandle<(Box<S>, T)>>,
}

impl<S: Send + 'static, T: Send + 'static> Offloaded<S, T> {
    pub(crate) fn new(state: S) -> Self {
        Self { state: Some(Box::new(state)), running: None }
    }

    /// The result of a task that an earlier caller left behind, else that of `work`; `None` if a task
    /// died and took the state along.
    pub(crate) async fn run(
        &mut self,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<Option<T>, JoinError> {
        if let Some(mut state) = self.state.take() {
            let task = move || {
                let result = work(&mut state);
                (state, result)
            };
            self.running = Some(tokio::task::spawn_blocking(task));
        }
        let Some(running) = &mut self.running else { return Ok(None) };
        let joined = running.await;
        self.running = None;
        let (state, result) = joined?;
        self.state = Some(state);
        Ok(Some(result))
    }

    /// Whether a task was left behind, so that waiting for anything else would withhold its result.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test]
    async fn what_a_dropped_call_began_the_next_one_gets() {
        let mut offloaded = Offloaded::new(0);
        let (go, wait) = sync_channel::<()>(1);
        let first = offloaded.run(move |n: &mut i32| {
            wait.recv().unwrap();
            *n += 1;
            *n
        });
        tokio::select! {
            biased;
            _ = first => panic!("it waits"),
            () = tokio::task::yield_now() => {}
        }
        assert!(offloaded.is_running());
        go.send(()).unwrap();
        assert_eq!(offloaded.run(|n| *n + 100).await.unwrap(), Some(1));
        assert_eq!(offloaded.run(|n| *n + 100).await.unwrap(), Some(101));
    }

    #[tokio::test]
    async fn a_task_that_dies_takes_the_state_along() {
        let mut offloaded = Offloaded::<i32, ()>::new(0);
        assert!(offloaded.run(|_| panic!("as a test")).await.is_err());
        assert_eq!(offloaded.run(|_| ()).await.unwrap(), None);
    }
}
