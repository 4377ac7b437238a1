//! Where what the host sends for an operation waits until it is taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::task::AtomicWaker;
use serde_json::Value;

use super::OperationError;
use crate::ops_api::{Invocation, Route, Routed};
use crate::protocol::INITIAL_CREDIT;

/// What the host sent and nobody took yet.
#[derive(Default)]
pub struct Channel {
    state: Mutex<State>,
    pub answer: AtomicWaker,
    pub chunks: AtomicWaker,
    pub credit: AtomicWaker,
}

pub struct State {
    pub answer: Option<Result<Head, OperationError>>,
    pub chunks: VecDeque<Bytes>,
    pub end: Option<Result<(), String>>,
    pub credit: u64,
    /// The receiver wants no more, or there is nobody to receive.
    pub stopped: bool,
}

pub struct Head {
    pub value: Value,
    pub bytes: Option<Bytes>,
    pub streamed: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { answer: None, chunks: VecDeque::new(), end: None, credit: INITIAL_CREDIT, stopped: false }
    }
}

impl Channel {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route for Channel {
    fn message(&self, message: Routed) {
        let mut state = self.state();
        let waker = match message {
            Routed::Answer { ok: true, value, bytes, streamed } => {
                state.answer = Some(Ok(Head { value, bytes, streamed }));
                &self.answer
            }
            Routed::Answer { value, .. } => {
                state.answer = Some(Err(OperationError::from_answer(&value)));
                &self.answer
            }
            Routed::Chunk(bytes) => {
                if state.end.is_none() {
                    state.chunks.push_back(bytes);
                }
                &self.chunks
            }
            Routed::End => {
                state.end.get_or_insert(Ok(()));
                &self.chunks
            }
            Routed::Fail(message) => {
                state.end.get_or_insert(Err(message));
                &self.chunks
            }
            Routed::Credit(bytes) => {
                state.credit = state.credit.saturating_add(bytes);
                &self.credit
            }
            Routed::Cancel => {
                state.stopped = true;
                &self.credit
            }
            Routed::Dropped => {
                state.stopped = true;
                state.answer.get_or_insert_with(|| Err(OperationError::over()));
                state.end.get_or_insert_with(|| Err("The invocation is over".into()));
                drop(state);
                self.answer.wake();
                self.chunks.wake();
                self.credit.wake();
                return;
            }
        };
        drop(state);
        waker.wake();
    }
}

/// Keeps the route open while anybody holds an end of the operation.
pub struct Link {
    pub invocation: Arc<Invocation>,
    pub number: u32,
    pub channel: Arc<Channel>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.invocation.unregister(self.number);
    }
}
