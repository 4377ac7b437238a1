//! The one thread that moves an engine's epoch: a tick each millisecond while guests run, asleep while none does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::clocks::Clocks;

const TICK: Duration = Duration::from_millis(1);
/// Ticks without a guest before the thread goes to sleep: waking it for each short poll would cost more.
const IDLE_TICKS: u32 = 50;

#[derive(Default)]
pub struct Ticker {
    running: AtomicUsize,
    asleep: AtomicBool,
    closed: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Ticker {
    pub fn start(engine: Engine, clocks: Arc<Clocks>) -> std::io::Result<Arc<Self>> {
        let ticker = Arc::new(Self::default());
        let own = ticker.clone();
        thread::Builder::new().name("islet-epoch".into()).spawn(move || {
            clocks.enter();
            own.run(&engine);
            clocks.leave();
        })?;
        Ok(ticker)
    }

    pub fn enter(&self) {
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.wake.notify_one();
        }
    }

    pub fn leave(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.wake.notify_one();
    }

    fn run(&self, engine: &Engine) {
        let mut idle = 0;
        // Those that still run when it is closed are to notice that they are stopped.
        while !self.closed.load(Ordering::SeqCst) || self.running.load(Ordering::SeqCst) > 0 {
            thread::sleep(TICK);
            engine.increment_epoch();
            idle = if self.running.load(Ordering::SeqCst) > 0 { 0 } else { idle + 1 };
            if idle >= IDLE_TICKS {
                self.sleep();
                idle = 0;
            }
        }
    }

    fn sleep(&self) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.closed.load(Ordering::SeqCst) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}
