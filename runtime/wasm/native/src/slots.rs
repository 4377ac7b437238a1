//! Live stores at once, and component stores that wait for their next request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::Vessel;
use crate::places::{Place, Places, Ticket};

pub struct Slots {
    places: Arc<Places>,
    /// Longest idle first.
    parked: Mutex<VecDeque<Vessel>>,
}

impl Slots {
    pub fn new(count: u32) -> Self {
        Self { places: Places::new(count), parked: Mutex::default() }
    }

    /// A place that is free now.
    pub fn free(&self, instance: u32, weight: u32) -> Option<Place> {
        self.places.take_free(instance, weight)
    }

    /// Queues for a place: whoever asks first is served first, whatever thread redeems its ticket when.
    pub fn queue(&self, instance: u32, weight: u32) -> Ticket {
        self.places.queue(instance, weight)
    }

    /// The place a ticket is for. Idle stores give way to who waits.
    pub async fn redeem(&self, ticket: Ticket, weight: u32) -> Place {
        let turn = match ticket {
            Ticket::Ready(place) => return place,
            Ticket::Waiting(turn) => turn,
        };
        for _ in 0..weight {
            let idle = self.parked().pop_front();
            drop(idle);
        }
        match turn.await {
            Some(place) => place,
            // The engine closes: this task goes with its runtime.
            None => std::future::pending().await,
        }
    }

    /// A store of `instance` that waits for its next request.
    pub fn unpark(&self, instance: u32) -> Option<Vessel> {
        let mut parked = self.parked();
        let at = parked.iter().rposition(|vessel| vessel.instance == instance)?;
        parked.remove(at)
    }

    pub fn unpark_all(&self, instance: u32) -> VecDeque<Vessel> {
        let mut parked = self.parked();
        let (mine, others) = parked.drain(..).partition(|vessel| vessel.instance == instance);
        *parked = others;
        mine
    }

    /// Keeps a store for its next request, or gives it back where somebody waits for its place, or where it is `fresh`,
    /// was not used yet, and places are scarce.
    #[must_use]
    pub fn park(&self, vessel: Vessel) -> Option<Vessel> {
        let mut parked = self.parked();
        // Under the lock: who begins to wait looks at what is parked after it has queued.
        if self.places.has_waiters() || (vessel.is_fresh() && !self.places.is_roomy()) {
            return Some(vessel);
        }
        parked.push_back(vessel);
        None
    }

    pub fn close(&self) {
        self.places.close();
    }

    fn parked(&self) -> MutexGuard<'_, VecDeque<Vessel>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
