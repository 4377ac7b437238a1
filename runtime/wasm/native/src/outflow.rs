//! What the host grants for a response body.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::protocol::INITIAL_CREDIT;

/// What the receiver granted, and how far the response is; shared with the main thread.
pub struct Outflow {
    state: Mutex<Flow>,
}

struct Flow {
    credit: u64,
    cancelled: bool,
    waker: Option<Waker>,
    /// A streamed body is open.
    open: bool,
}

impl Outflow {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(Flow { credit: INITIAL_CREDIT, cancelled: false, waker: None, open: false }),
        })
    }

    pub fn grant(&self, bytes: u64) {
        let mut state = self.state();
        state.credit = state.credit.saturating_add(bytes);
        wake(state);
    }

    pub fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        wake(state);
    }

    /// True when the head is out and the body is not complete.
    pub fn is_open(&self) -> bool {
        self.state().open
    }

    pub fn set_open(&self, open: bool) {
        self.state().open = open;
    }

    /// True when the receiver wants no more; wakes when that becomes so.
    pub fn poll_cancelled(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.state();
        state.waker = Some(cx.waker().clone());
        state.cancelled
    }

    /// Takes credit for up to `wanted` bytes (1 or more); None: the receiver wants no more.
    pub fn poll_credit(&self, cx: &mut Context<'_>, wanted: usize) -> Poll<Option<usize>> {
        let mut state = self.state();
        if state.cancelled {
            return Poll::Ready(None);
        }
        let granted = wanted.min(usize::try_from(state.credit).unwrap_or(usize::MAX));
        if granted == 0 {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.credit -= granted as u64;
        Poll::Ready(Some(granted))
    }

    fn state(&self) -> MutexGuard<'_, Flow> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, Flow>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
