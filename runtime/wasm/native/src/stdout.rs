//! Bytes on their way out of a command: its standard output.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::lines::LineTooLong;

/// What a pipe holds before the writer waits.
pub const PIPE_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    ended: bool,
    refused: bool,
    writer: Option<Waker>,
    reader: Option<Waker>,
}

/// A bounded pipe from a guest's standard output.
#[derive(Default)]
pub struct Pipe {
    state: Mutex<State>,
}

impl Pipe {
    /// All that is there; None at the end.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state();
        if let Some(bytes) = join(&mut state.queue) {
            state.bytes = 0;
            let writer = state.writer.take();
            drop(state);
            wake(writer);
            return Poll::Ready(Some(bytes));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The writer is gone.
    pub fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// The reader wants no more: writes fail from now on.
    pub fn refuse(&self) {
        let mut state = self.state();
        state.refused = true;
        state.queue.clear();
        state.bytes = 0;
        let writer = state.writer.take();
        drop(state);
        wake(writer);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of it: programs write in small pieces.
fn join(queue: &mut VecDeque<Bytes>) -> Option<Bytes> {
    let first = queue.pop_front()?;
    if queue.is_empty() {
        return Some(first);
    }
    let mut all = BytesMut::from(first);
    for part in queue.drain(..) {
        all.extend_from_slice(&part);
    }
    Some(all.freeze())
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Why nothing can be written any more.
#[derive(Debug)]
pub enum Broken {
    /// The receiver is gone: EPIPE.
    Closed,
    /// The guest went too far: it ends.
    TooLong(LineTooLong),
}

impl From<Broken> for StreamError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Closed => Self::Closed,
            Broken::TooLong(error) => Self::Trap(wasmtime::Error::new(error)),
        }
    }
}

impl From<Broken> for std::io::Error {
    fn from(_: Broken) -> Self {
        std::io::ErrorKind::BrokenPipe.into()
    }
}

/// Where a standard output goes.
pub trait Outlet: Send + Sync {
    /// Bytes that may be written now.
    fn room(&self, cx: Option<&mut Context<'_>>) -> Result<usize, Broken>;
    fn write(&self, bytes: Bytes) -> Result<(), Broken>;
}

impl Outlet for Pipe {
    fn room(&self, cx: Option<&mut Context<'_>>) -> Result<usize, Broken> {
        let mut state = self.state();
        if state.refused {
            return Err(Broken::Closed);
        }
        let room = PIPE_BYTES.saturating_sub(state.bytes);
        if let (0, Some(cx)) = (room, cx) {
            state.writer = Some(cx.waker().clone());
        }
        Ok(room)
    }

    fn write(&self, bytes: Bytes) -> Result<(), Broken> {
        let mut state = self.state();
        if state.refused {
            return Err(Broken::Closed);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        state.bytes += bytes.len();
        state.queue.push_back(bytes);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Ok(())
    }
}

/// A standard output or error over an outlet.
pub struct Stdout<O: Outlet + 'static>(pub Arc<O>);

impl<O: Outlet> Clone for Stdout<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O: Outlet> IsTerminal for Stdout<O> {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl<O: Outlet> StdoutStream for Stdout<O> {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl<O: Outlet> Pollable for Stdout<O> {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| match self.0.room(Some(cx)) {
            Ok(0) => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }
}

#[async_trait::async_trait]
impl<O: Outlet> OutputStream for Stdout<O> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(bytes).map_err(StreamError::from)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.room(None).map_err(StreamError::from)
    }
}

impl<O: Outlet> AsyncWrite for Stdout<O> {
    fn poll_write(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.0.room(Some(cx)) {
            Ok(0) => Poll::Pending,
            Ok(room) => {
                let taken = &bytes[..bytes.len().min(room)];
                Poll::Ready(self.0.write(Bytes::copy_from_slice(taken)).map(|()| taken.len()).map_err(Into::into))
            }
            Err(broken) => Poll::Ready(Err(broken.into())),
        }
    }

    fn poll_flush(self: std::pin::Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: std::pin::Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
