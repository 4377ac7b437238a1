//! Bytes on their way into a guest: a request body, or standard input.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::io::AsyncRead;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::Error as HttpError;

use crate::ops_api::Invocation;
use crate::protocol::CHUNK_BYTES;

/// The stream number of the request body.
const REQUEST_BODY: u32 = 0;

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    ended: bool,
    failed: Option<String>,
    consumed: u64,
    /// Bytes given to the reader.
    taken: u64,
    reader: Option<Waker>,
    /// Told when a reader finds nothing: a resident is ready for a line.
    starving: Option<Box<dyn Fn() + Send>>,
}

/// Filled by the main thread, emptied by the guest.
pub struct Inbox {
    state: Mutex<State>,
    /// Whom the sender's credits are granted for, where there is a sender that counts them.
    grants: Option<Arc<Invocation>>,
}

impl Inbox {
    pub fn new(grants: Option<Arc<Invocation>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), grants })
    }

    /// Whole content, known now.
    pub fn whole(bytes: Option<Bytes>) -> Arc<Self> {
        let inbox = Self::new(None);
        if let Some(bytes) = bytes {
            inbox.push(bytes);
        }
        inbox.end();
        inbox
    }

    pub fn on_starving(&self, told: Box<dyn Fn() + Send>) {
        self.state().starving = Some(told);
    }

    pub fn push(&self, bytes: Bytes) {
        self.push_telling(bytes, || ());
    }

    /// `told` is called with the bytes in place, before the reader can see them or starve again.
    pub fn push_telling(&self, bytes: Bytes, told: impl FnOnce()) {
        let mut state = self.state();
        if state.ended || bytes.is_empty() {
            return;
        }
        state.queue.push_back(bytes);
        told();
        wake(state);
    }

    pub fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        wake(state);
    }

    pub fn fail(&self, message: String) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.ended = true;
        state.failed = Some(message);
        wake(state);
    }

    /// Bytes the reader has had.
    pub fn taken(&self) -> u64 {
        self.state().taken
    }

    /// Lines that nobody has read, each without its newline.
    pub fn take_back(&self) -> Vec<Bytes> {
        let without_end = |line: Bytes| line.slice(..line.len() - usize::from(line.ends_with(b"\n")));
        self.state().queue.drain(..).map(without_end).collect()
    }

    /// At most `most` bytes; None at the end.
    fn poll_take(&self, cx: Option<&mut Context<'_>>, most: usize) -> Poll<Option<Result<Bytes, String>>> {
        let mut state = self.state();
        if let Some(front) = state.queue.front_mut() {
            let bytes = front.split_to(front.len().min(most));
            if front.is_empty() {
                state.queue.pop_front();
            }
            state.taken += bytes.len() as u64;
            self.grant(&mut state, bytes.len());
            return Poll::Ready(Some(Ok(bytes)));
        }
        if let Some(message) = &state.failed {
            return Poll::Ready(Some(Err(message.clone())));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        if let Some(cx) = cx {
            state.reader = Some(cx.waker().clone());
        }
        if let Some(told) = &state.starving {
            told();
        }
        Poll::Pending
    }

    fn grant(&self, state: &mut State, bytes: usize) {
        let Some(invocation) = &self.grants else { return };
        state.consumed += bytes as u64;
        if state.consumed >= CHUNK_BYTES as u64 && !state.ended {
            invocation.emit('G', format!("[{REQUEST_BODY},{}]", state.consumed), None);
            state.consumed = 0;
        }
    }

    /// The guest wants no more.
    fn cancel(&self) {
        let mut state = self.state();
        state.queue.clear();
        if state.ended {
            return;
        }
        state.ended = true;
        drop(state);
        if let Some(invocation) = &self.grants {
            invocation.emit('X', format!("[{REQUEST_BODY}]"), None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// The body of a component's incoming request.
pub struct RequestBody(pub Arc<Inbox>);

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.0.poll_take(Some(cx), CHUNK_BYTES).map(|taken| {
            taken.map(|result| result.map(Frame::data).map_err(|message| HttpError::InternalError(Some(message))))
        })
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.state();
        state.ended && state.failed.is_none() && state.queue.is_empty()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Standard input of a command.
#[derive(Clone)]
pub struct Stdin(pub Arc<Inbox>);

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // Asked for by wasi:cli 0.3 only; commands are preview 1.
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| {
            // Nothing is taken: `most` is 0 where there is something.
            match self.0.poll_take(Some(cx), 0) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(_) => Poll::Ready(()),
            }
        })
        .await;
    }
}

#[async_trait::async_trait]
impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.poll_take(None, size.min(CHUNK_BYTES)) {
            Poll::Pending => Ok(Bytes::new()),
            Poll::Ready(None) => Err(StreamError::Closed),
            Poll::Ready(Some(Ok(bytes))) => Ok(bytes),
            Poll::Ready(Some(Err(message))) => Err(StreamError::LastOperationFailed(wasmtime::Error::msg(message))),
        }
    }
}
