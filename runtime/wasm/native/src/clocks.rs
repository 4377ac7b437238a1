//! CPU time of all threads of an engine, so that others can tell it from their own.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{ThreadId, current};

use crate::meter::{clock_ns, thread_ns};

#[derive(Default)]
struct State {
    running: HashMap<ThreadId, libc::clockid_t>,
    ended_ns: u64,
}

#[derive(Default)]
pub struct Clocks {
    state: Mutex<State>,
}

impl Clocks {
    /// Called by a thread when it begins.
    pub fn enter(&self) {
        let mut clock = 0;
        // SAFETY: this thread's own handle, and a valid place for the result.
        if unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) } == 0 {
            self.state().running.insert(current().id(), clock);
        }
    }

    /// Called by a thread when it ends.
    pub fn leave(&self) {
        let mut state = self.state();
        if state.running.remove(&current().id()).is_some() {
            state.ended_ns += thread_ns();
        }
    }

    /// Of those that run and those that ran.
    pub fn cpu_ms(&self) -> f64 {
        let state = self.state();
        let running: u64 = state.running.values().map(|clock| clock_ns(*clock)).sum();
        (running + state.ended_ns) as f64 / 1e6
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_thread_counts_while_it_runs_and_afterwards() {
        let clocks = Arc::new(Clocks::default());
        let theirs = clocks.clone();
        let within = std::thread::spawn(move || {
            theirs.enter();
            while thread_ns() < 5_000_000 {}
            let within = theirs.cpu_ms();
            theirs.leave();
            within
        });
        assert!(within.join().unwrap() >= 5.0);
        assert!(clocks.cpu_ms() >= 5.0);
    }
}
