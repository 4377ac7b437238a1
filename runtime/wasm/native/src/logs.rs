//! Standard error (and a component's standard output) as log lines.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use bytes::Bytes;

use crate::meter::Meter;
use crate::ops_api::{Current, Logged, log_line};
use crate::stdout::{Broken, Outlet};

/// A longer line is cut into pieces of this.
const LINE_BYTES: usize = 16 * 1024;
/// What `tail` remembers.
const TAIL_BYTES: usize = 8 * 1024;

pub struct LogOutlet {
    current: Current,
    meter: Arc<Meter>,
    level: &'static str,
    partial: Mutex<Vec<u8>>,
    /// Logged outside invocations: while a resident starts.
    outside: Mutex<Logged>,
    tail: Mutex<VecDeque<u8>>,
}

impl LogOutlet {
    pub fn new(current: Current, meter: Arc<Meter>, level: &'static str) -> Arc<Self> {
        Arc::new(Self {
            current,
            meter,
            level,
            partial: Mutex::default(),
            outside: Mutex::default(),
            tail: Mutex::default(),
        })
    }

    /// Logs a line that was begun and not ended.
    pub fn flush(&self) {
        let partial = std::mem::take(&mut *self.partial.lock().unwrap_or_else(PoisonError::into_inner));
        if !partial.is_empty() {
            let _ = self.log(&partial);
        }
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail.iter().copied().collect::<Vec<u8>>()).into_owned()
    }

    fn log(&self, line: &[u8]) -> Result<(), Broken> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.remember(line);
        let text = String::from_utf8_lossy(line);
        if let Some(invocation) = self.current.get() {
            return if invocation.log(self.level, &text) { Ok(()) } else { Err(Broken::Closed) };
        }
        let shared = &self.current.shared;
        let covered = self.outside.lock().unwrap_or_else(PoisonError::into_inner).covers(&text, shared.about.log_bytes);
        if !covered {
            self.meter.exceed_log();
            return Err(Broken::Closed);
        }
        shared.outbox.push(log_line(shared, 0, self.level, &text));
        Ok(())
    }

    fn remember(&self, line: &[u8]) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(line);
        tail.push_back(b'\n');
        let over = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..over);
    }
}

impl Outlet for LogOutlet {
    fn room(&self, _cx: Option<&mut Context<'_>>) -> Result<usize, Broken> {
        Ok(LINE_BYTES)
    }

    fn write(&self, bytes: Bytes) -> Result<(), Broken> {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = &bytes[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            partial.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut *partial);
            self.log(&line)?;
        }
        partial.extend_from_slice(rest);
        while partial.len() >= LINE_BYTES {
            let rest = partial.split_off(LINE_BYTES);
            let line = std::mem::replace(&mut *partial, rest);
            self.log(&line)?;
        }
        Ok(())
    }
}
