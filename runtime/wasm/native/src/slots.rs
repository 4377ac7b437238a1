//! Live stores at once, and component stores that wait for their next request.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::Vessel;

pub struct Slots {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Longest idle first.
    parked: Mutex<VecDeque<Vessel>>,
}

impl Slots {
    pub fn new(count: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count.max(1) as usize)),
            waiting: AtomicUsize::new(0),
            parked: Mutex::default(),
        }
    }

    /// A place that is free now, if need be by giving up an idle store.
    pub fn free(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Some(permit);
        }
        let vessel = self.parked().pop_front()?;
        Some(vessel.into_permit())
    }

    /// The next place, in order of asking.
    pub async fn wait(&self) -> OwnedSemaphorePermit {
        let _waiting = Waiting::new(&self.waiting);
        // A store that was parked just before would keep its place.
        if let Some(permit) = self.free() {
            return permit;
        }
        match self.free.clone().acquire_owned().await {
            Ok(permit) => permit,
            // The engine closes: this task goes with its runtime.
            Err(_) => std::future::pending().await,
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

    /// Keeps a store for its next request, or gives it back where somebody waits for its place.
    #[must_use]
    pub fn park(&self, vessel: Vessel) -> Option<Vessel> {
        let mut parked = self.parked();
        // Under the lock: who begins to wait looks at what is parked after it has counted itself.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            return Some(vessel);
        }
        parked.push_back(vessel);
        None
    }

    pub fn close(&self) {
        self.free.close();
    }

    fn parked(&self) -> MutexGuard<'_, VecDeque<Vessel>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits, as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
