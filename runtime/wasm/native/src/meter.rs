//! CPU time of guests: the thread's own clock, read around each poll of a guest's future and, within long polls, at each
//! tick of the epoch.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use wasmtime::{Error, StoreContextMut, UpdateDeadline};

use crate::ops_api::Guest;
use crate::ticker::Ticker;

/// Why a guest was stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// Nobody waits any more.
    Dropped = 1,
    Cpu = 2,
    Log = 3,
    /// The loaded instance goes.
    Unloaded = 4,
}

impl Stop {
    fn from(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::Dropped),
            2 => Some(Self::Cpu),
            3 => Some(Self::Log),
            4 => Some(Self::Unloaded),
            _ => None,
        }
    }
}

/// One guest's account: an invocation's, or a resident's over all of its invocations.
pub struct Meter {
    used_ns: AtomicU64,
    budget_ns: AtomicU64,
    entered_ns: AtomicU64,
    stop: AtomicU8,
    yielded: AtomicBool,
    waker: AtomicWaker,
}

impl Meter {
    pub fn new(budget_ms: f64) -> Arc<Self> {
        Arc::new(Self {
            used_ns: AtomicU64::new(0),
            budget_ns: AtomicU64::new(to_ns(budget_ms)),
            entered_ns: AtomicU64::new(0),
            stop: AtomicU8::new(0),
            yielded: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    /// A new invocation's account on a guest that lives on.
    pub fn restart(&self, budget_ms: f64) {
        self.used_ns.store(0, Ordering::Relaxed);
        self.budget_ns.store(to_ns(budget_ms), Ordering::Relaxed);
    }

    pub fn cpu_ms(&self) -> f64 {
        self.used_ns.load(Ordering::Relaxed) as f64 / 1e6
    }

    /// Stops the guest at its next tick, or at once when it waits. The first reason stays.
    pub fn stop(&self, why: Stop) {
        let _ = self.stop.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    pub fn exceed_log(&self) {
        self.stop(Stop::Log);
    }

    pub fn stopped(&self) -> Option<Stop> {
        Stop::from(self.stop.load(Ordering::Acquire))
    }

    /// True when the guest's last poll ended at a tick and not because it waits.
    pub fn take_yielded(&self) -> bool {
        self.yielded.swap(false, Ordering::Relaxed)
    }

    /// The epoch's callback.
    pub fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if self.stopped().is_none() {
            let within = thread_ns().saturating_sub(self.entered_ns.load(Ordering::Relaxed));
            if self.used_ns.load(Ordering::Relaxed).saturating_add(within) > self.budget_ns.load(Ordering::Relaxed) {
                self.stop(Stop::Cpu);
            }
        }
        if self.stopped().is_some() {
            return Err(Error::msg("stopped"));
        }
        self.yielded.store(true, Ordering::Relaxed);
        Ok(UpdateDeadline::Yield(1))
    }

    fn charge(&self) {
        let spent = thread_ns().saturating_sub(self.entered_ns.load(Ordering::Relaxed));
        let used = self.used_ns.fetch_add(spent, Ordering::Relaxed) + spent;
        if used > self.budget_ns.load(Ordering::Relaxed) {
            self.stop(Stop::Cpu);
        }
    }
}

pub fn on_epoch(store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    store.data().meter.tick()
}

/// How a metered future came to its end.
#[derive(Debug)]
pub enum Metered<T> {
    Done(T),
    Stopped(Stop),
    /// A panic of ours, caught.
    Panicked(String),
}

/// Runs `future` on `meter`'s account until it is done or stopped; what is left of it is dropped before this returns.
pub async fn metered<F: Future>(meter: Arc<Meter>, ticker: Arc<Ticker>, future: F) -> Metered<F::Output> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| poll_metered(future.as_mut(), &meter, &ticker, cx)).await
}

fn poll_metered<F: Future>(
    future: Pin<&mut F>,
    meter: &Meter,
    ticker: &Ticker,
    cx: &mut Context<'_>,
) -> Poll<Metered<F::Output>> {
    meter.waker.register(cx.waker());
    if let Some(stop) = meter.stopped() {
        return Poll::Ready(Metered::Stopped(stop));
    }
    meter.entered_ns.store(thread_ns(), Ordering::Relaxed);
    ticker.enter();
    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
    ticker.leave();
    meter.charge();
    match (polled, meter.stopped()) {
        (Err(panic), _) => Poll::Ready(Metered::Panicked(panic_text(panic))),
        (Ok(_), Some(stop)) => Poll::Ready(Metered::Stopped(stop)),
        (Ok(Poll::Ready(value)), None) => Poll::Ready(Metered::Done(value)),
        (Ok(Poll::Pending), None) => Poll::Pending,
    }
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_string())
}

fn to_ns(ms: f64) -> u64 {
    (ms.max(0.0) * 1e6) as u64
}

/// CPU time of this thread.
pub fn thread_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// 0 for a clock that is gone.
pub fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer to a timespec.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
