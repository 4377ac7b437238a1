//! A resident's standard output, cut into lines.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use bytes::Bytes;
use futures::task::AtomicWaker;

use crate::stdout::{Broken, Outlet, PIPE_BYTES};

/// What may be on its way to the main thread before a writer of lines waits.
const UNDRAINED_BYTES: usize = 1024 * 1024;
/// What an event costs beside its bytes: lines without any are no gift.
const EVENT_BYTES: usize = 512;

/// The bytes a line may have.
#[derive(Debug)]
pub struct LineTooLong(usize);

impl fmt::Display for LineTooLong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "The program wrote a line longer than {} bytes", self.0)
    }
}

impl std::error::Error for LineTooLong {}

/// Counts what lies undrained in the outbox.
#[derive(Default)]
pub struct Gate {
    bytes: AtomicUsize,
    waker: AtomicWaker,
}

/// A part of a gate's count, until dropped.
pub struct Weight {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.gate.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.gate.waker.wake();
    }
}

/// Cuts what is written into lines, each handed to `take` with its weight; a line longer than `longest` fails the stream.
pub struct LineOutlet {
    gate: Arc<Gate>,
    partial: Mutex<Vec<u8>>,
    longest: usize,
    take: Box<dyn Fn(Bytes, Weight) + Send + Sync>,
}

impl LineOutlet {
    pub fn new(longest: usize, take: Box<dyn Fn(Bytes, Weight) + Send + Sync>) -> Self {
        Self { gate: Arc::default(), partial: Mutex::default(), longest, take }
    }

    /// A line was begun and not ended.
    pub fn is_within_line(&self) -> bool {
        !self.partial.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Forgets a line that was begun.
    pub fn take_partial(&self) -> Vec<u8> {
        std::mem::take(&mut *self.partial.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn emit(&self, line: Vec<u8>) {
        let bytes = line.len() + EVENT_BYTES;
        self.gate.bytes.fetch_add(bytes, Ordering::Relaxed);
        (self.take)(Bytes::from(line), Weight { gate: self.gate.clone(), bytes });
    }
}

impl Outlet for LineOutlet {
    fn room(&self, cx: Option<&mut Context<'_>>) -> Result<usize, Broken> {
        if let Some(cx) = cx {
            self.gate.waker.register(cx.waker());
        }
        Ok(if self.gate.bytes.load(Ordering::Relaxed) < UNDRAINED_BYTES { PIPE_BYTES } else { 0 })
    }

    fn write(&self, bytes: Bytes) -> Result<(), Broken> {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = &bytes[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            partial.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.emit(std::mem::take(&mut *partial));
        }
        partial.extend_from_slice(rest);
        if partial.len() > self.longest {
            *partial = Vec::new();
            return Err(Broken::TooLong(LineTooLong(self.longest)));
        }
        Ok(())
    }
}
