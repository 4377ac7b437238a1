//! A guest's ends of an operation: its answer, the answer's body, and its own body.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde_json::Value;

use super::channel::Link;
use super::{Answer, OperationError};
use crate::protocol::CHUNK_BYTES;

/// The answer to come.
pub struct Waiting {
    pub(super) link: Option<Arc<Link>>,
}

impl Future for Waiting {
    type Output = Result<Answer, OperationError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(link) = &self.link else {
            return Poll::Ready(Err(OperationError::new("Error", "The answer was taken")));
        };
        link.channel.answer.register(cx.waker());
        let Some(answer) = link.channel.state().answer.take() else {
            return Poll::Pending;
        };
        let Some(link) = self.link.take() else {
            return Poll::Pending;
        };
        Poll::Ready(answer.map(|head| Answer {
            value: head.value,
            bytes: head.bytes,
            body: head.streamed.then(|| Incoming { link, consumed: 0, open: true }),
        }))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        link.channel.state().stopped = true;
        link.channel.credit.wake();
        link.invocation.emit('K', format!("[{}]", link.number), None);
    }
}

/// The answer's body: kept until it is read, which grants the sender more. Dropping it cancels what is left.
pub struct Incoming {
    link: Arc<Link>,
    consumed: usize,
    open: bool,
}

impl Incoming {
    /// The next piece; None at the end; an error's message when the body broke off.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        let Self { link, consumed, open } = self;
        link.channel.chunks.register(cx.waker());
        let mut state = link.channel.state();
        if let Some(Err(message)) = &state.end {
            *open = false;
            return Poll::Ready(Some(Err(message.clone())));
        }
        if let Some(bytes) = state.chunks.pop_front() {
            let ended = state.end.is_some();
            drop(state);
            *consumed += bytes.len();
            if *consumed >= CHUNK_BYTES && !ended {
                let granted = std::mem::take(consumed);
                link.invocation.emit('G', format!("[{},{granted}]", link.number + 1), None);
            }
            return Poll::Ready(Some(Ok(bytes)));
        }
        if state.end.is_none() {
            return Poll::Pending;
        }
        *open = false;
        Poll::Ready(None)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.open && self.link.channel.state().end.is_none() {
            self.link.invocation.emit('X', format!("[{}]", self.link.number + 1), None);
        }
    }
}

/// The operation's body, sent as fast as the receiver grants. Dropping it unfinished breaks it off.
pub struct Outgoing {
    pub(super) link: Arc<Link>,
    pub(super) finished: bool,
}

impl Outgoing {
    /// False when the receiver wants no more.
    pub async fn send(&mut self, mut bytes: Bytes) -> bool {
        while !bytes.is_empty() {
            let Some(length) = poll_fn(|cx| self.poll_credit(cx, bytes.len())).await else {
                return false;
            };
            let chunk = bytes.split_to(length);
            let number = self.link.number;
            self.link.invocation.emit('C', format!("[{number},0,{length}]"), Some(chunk));
        }
        !self.link.channel.state().stopped
    }

    pub fn end(mut self) {
        self.finish('E', format!("[{}]", self.link.number));
    }

    pub fn fail(mut self, message: &str) {
        self.finish('F', format!("[{},{}]", self.link.number, Value::from(message)));
    }

    /// Takes credit for at most `wanted` bytes; None when the receiver wants no more.
    fn poll_credit(&self, cx: &mut Context<'_>, wanted: usize) -> Poll<Option<usize>> {
        let Link { channel, .. } = &*self.link;
        channel.credit.register(cx.waker());
        let mut state = channel.state();
        if state.stopped {
            return Poll::Ready(None);
        }
        let length = wanted.min(CHUNK_BYTES).min(usize::try_from(state.credit).unwrap_or(CHUNK_BYTES));
        if length == 0 {
            return Poll::Pending;
        }
        state.credit -= length as u64;
        Poll::Ready(Some(length))
    }

    fn finish(&mut self, letter: char, json: String) {
        let stopped = self.link.channel.state().stopped;
        if !std::mem::replace(&mut self.finished, true) && !stopped {
            self.link.invocation.emit(letter, json, None);
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let json = format!("[{},\"The body was broken off\"]", self.link.number);
        self.finish('F', json);
    }
}
