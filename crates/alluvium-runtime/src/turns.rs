//! Fair turns: changes that come one at a time overtake a backlog wherever both wait, and a backlog keeps at
//! least every other turn, however many such changes come.
//!
//! A change is [`Lane::Live`] where somebody has just made it, and few such of its source are in flight;
//! everything else is [`Lane::Bulk`]. Within a lane it is first come, first served. Lanes decide who goes
//! first and nothing else: the order of a document's changes and what progress waits for is
//! [`order`](crate::order)'s.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How a change is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// One at a time.
    Live,
    /// One of many.
    Bulk,
}

/// Two queues that take turns.
#[derive(Debug)]
pub(crate) struct Queues<T> {
    live: VecDeque<T>,
    bulk: VecDeque<T>,
    /// Whether the last turn was the live queue's.
    was_live: bool,
}

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self { live: VecDeque::new(), bulk: VecDeque::new(), was_live: false }
    }
}

impl<T> Queues<T> {
    pub(crate) fn push(&mut self, lane: Lane, item: T) {
        match lane {
            Lane::Live => self.live.push_back(item),
            Lane::Bulk => self.bulk.push_back(item),
        }
    }

    /// The next item: where both queues have some, one of the queue that did not have the last turn.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let live_first = !self.was_live || self.bulk.is_empty();
        let item = if live_first { self.live.pop_front() } else { None };
        self.was_live = item.is_some();
        item.or_else(|| self.bulk.pop_front())
    }

    pub(crate) fn clear(&mut self) {
        self.live.clear();
        self.bulk.clear();
    }
}

/// Places at a stage, for which changes wait in turns.
pub(crate) struct Turns(Mutex<Places>);

struct Places {
    free: usize,
    waiting: Queues<oneshot::Sender<Place>>,
}

/// A place at a stage, given back when it is dropped.
pub(crate) struct Place(Option<Arc<Turns>>);

impl Turns {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Places { free: places.max(1), waiting: Queues::default() })))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub(crate) async fn take(self: &Arc<Self>, lane: Lane) -> Place {
        let waits = {
            let mut places = self.places();
            if places.free > 0 {
                // Nobody waits while a place is free.
                places.free -= 1;
                return Place(Some(Arc::clone(self)));
            }
            let (sender, waits) = oneshot::channel();
            places.waiting.push(lane, sender);
            waits
        };
        // The sender is in the queue until it is used, so that this never fails.
        waits.await.unwrap_or(Place(None))
    }

    /// Passes a place on to who is next. One who is gone hands it back.
    fn pass_on(self: Arc<Self>) {
        let mut place = Place(Some(Arc::clone(&self)));
        loop {
            let next = {
                let mut places = self.places();
                let next = places.waiting.pop();
                places.free += usize::from(next.is_none());
                next
            };
            let Some(next) = next else {
                place.0 = None;
                return;
            };
            match next.send(place) {
                Ok(()) => return,
                Err(returned) => place = returned,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_take_turns_and_neither_waits_for_an_empty_one() {
        let mut queues = Queues::default();
        (0..5).for_each(|n| queues.push(Lane::Bulk, n));
        assert_eq!(queues.pop(), Some(0));
        (10..13).for_each(|n| queues.push(Lane::Live, n));
        let order: Vec<_> = std::iter::from_fn(|| queues.pop()).collect();
        assert_eq!(order, [10, 1, 11, 2, 12, 3, 4]);
        queues.push(Lane::Live, 20);
        queues.push(Lane::Live, 21);
        assert_eq!((queues.pop(), queues.pop(), queues.pop()), (Some(20), Some(21), None));
    }

    #[test]
    fn a_backlog_has_every_other_turn_of_an_endless_stream() {
        let mut queues = Queues::default();
        (0..100).for_each(|n| queues.push(Lane::Bulk, Some(n)));
        let mut turns = 0;
        while !queues.bulk.is_empty() {
            queues.push(Lane::Live, None);
            queues.pop();
            turns += 1;
        }
        assert!(turns <= 200, "{turns} turns for 100");
    }

    #[tokio::test]
    async fn a_place_goes_to_who_is_next_and_is_never_lost() {
        let turns = Turns::new(1);
        let first = turns.take(Lane::Bulk).await;
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(turns.take(Lane::Bulk))).collect();
        waiting.insert(0, Box::pin(turns.take(Lane::Live)));
        for wait in &mut waiting {
            assert!(futures::poll!(wait.as_mut()).is_pending());
        }
        // One that was next has gone, and one goes with its place.
        drop(waiting.remove(1));
        drop(first);
        let live = waiting.remove(0).await;
        drop(live);
        drop(waiting.remove(0));
        drop(waiting.remove(0).await);
        assert_eq!(turns.places().free, 1);
    }
}
