//! Events on their way to the main thread.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::lines::Weight;

/// How an invocation ended; `cause` is an EndCause of runtime/frames.ts.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub cause: &'static str,
    pub cpu_ms: f64,
    pub peak_bytes: u64,
}

/// What an event is: a letter of guest/protocol.ts, or one of the contract's own kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Letter(char),
    Line,
    Ended,
    Unhealthy,
}

pub struct Line {
    pub instance: u32,
    pub invocation: u64,
    pub kind: Kind,
    pub text: Option<String>,
    pub bytes: Option<Bytes>,
    pub end: Option<End>,
    pub held: Option<Held>,
}

/// Given back when the event is drained.
pub enum Held {
    Weight(Weight),
    Permit(OwnedSemaphorePermit),
}

impl Line {
    pub fn new(instance: u32, invocation: u64, letter: char, json: String, bytes: Option<Bytes>) -> Self {
        Self { instance, invocation, kind: Kind::Letter(letter), text: Some(json), bytes, end: None, held: None }
    }

    pub fn of(instance: u32, invocation: u64, kind: Kind) -> Self {
        Self { instance, invocation, kind, text: None, bytes: None, end: None, held: None }
    }

    pub fn ended(instance: u32, invocation: u64, end: End) -> Self {
        Self { end: Some(end), ..Self::of(instance, invocation, Kind::Ended) }
    }
}

#[derive(Default)]
struct Queue {
    lines: Vec<Line>,
    notified: bool,
    closed: bool,
}

/// Events of one `drain`.
const MOST_AT_ONCE: usize = 4096;

/// One per engine. `notify` is called from any thread, once until the next `drain`.
pub struct Outbox {
    queue: Mutex<Queue>,
    notify: Box<dyn Fn() + Send + Sync>,
}

impl Outbox {
    pub fn new(notify: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { queue: Mutex::default(), notify }
    }

    pub fn push(&self, line: Line) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return;
        }
        queue.lines.push(line);
        let first = !std::mem::replace(&mut queue.notified, true);
        drop(queue);
        if first {
            (self.notify)();
        }
    }

    pub fn drain(&self) -> Vec<Line> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.lines.len() <= MOST_AT_ONCE {
            queue.notified = false;
            return std::mem::take(&mut queue.lines);
        }
        // The rest in a later turn: others use the main thread as well.
        let rest = queue.lines.split_off(MOST_AT_ONCE);
        let lines = std::mem::replace(&mut queue.lines, rest);
        drop(queue);
        (self.notify)();
        lines
    }

    /// Takes back what an invocation has in the queue; nothing more comes when it is over.
    pub fn forget(&self, invocation: u64) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.lines.retain(|line| line.invocation != invocation);
    }

    pub fn close(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.closed = true;
        queue.lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_notification_until_drained() {
        let count = Arc::new(AtomicU32::new(0));
        let seen = count.clone();
        let outbox = Outbox::new(Box::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        }));
        outbox.push(Line::of(1, 1, Kind::Line));
        outbox.push(Line::of(1, 2, Kind::Line));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        outbox.forget(1);
        assert_eq!(outbox.drain().len(), 1);
        outbox.push(Line::of(1, 1, Kind::Line));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
