//! Bodies of outgoing requests and of their answers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::{Error, Result, WasiBody};

use super::http_out::internal;
use crate::ops::{Incoming, Outgoing};
use crate::protocol::INLINE_BYTES;

/// What is known of a request's body when the request is sent.
pub enum Beginning {
    /// All of it; None: there is none.
    Whole(Option<Bytes>),
    /// None may come (GET, HEAD), but the guest has not closed it yet.
    Empty(WasiBody),
    /// What is here, and the rest.
    Streamed(Bytes, WasiBody),
}

/// Reads what is there already; all of it, with waiting, when a content-length says that it fits inline.
pub async fn begin(parts: &http::request::Parts, mut body: WasiBody) -> Result<Beginning> {
    let bodiless = is_bodiless(&parts.method);
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let waits = length.is_some_and(|length| length <= INLINE_BYTES);
    let mut all = BytesMut::new();
    loop {
        let polled = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Pending if waits => Poll::Pending,
            polled => Poll::Ready(polled),
        });
        match polled.await {
            Poll::Pending if bodiless => return Ok(Beginning::Empty(body)),
            Poll::Pending => return Ok(Beginning::Streamed(all.freeze(), body)),
            Poll::Ready(None) => {
                let none = all.is_empty() && (bodiless || length.is_none());
                return Ok(Beginning::Whole((!none).then(|| all.freeze())));
            }
            Poll::Ready(Some(frame)) => {
                // Trailers are not for fetch.
                let Ok(data) = frame?.into_data() else {
                    continue;
                };
                if bodiless && !data.is_empty() {
                    return Err(bodiless_error());
                }
                all.extend_from_slice(&data);
                if all.len() > INLINE_BYTES {
                    return Ok(Beginning::Streamed(all.freeze(), body));
                }
            }
        }
    }
}

/// Sends `first` and then the body. Fails when the guest breaks its body off, which breaks the request off.
pub async fn pump(mut outgoing: Outgoing, first: Bytes, mut body: WasiBody) -> Result<()> {
    let mut wanted = outgoing.send(first).await;
    while wanted && let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    wanted = outgoing.send(data).await;
                }
            }
            Err(error) => {
                outgoing.fail(&error.to_string());
                return Err(error);
            }
        }
    }
    outgoing.end();
    Ok(())
}

/// Fails when a body comes where none may be.
pub async fn refuse(mut body: WasiBody) -> Result<()> {
    while let Some(frame) = body.frame().await {
        if frame?.into_data().is_ok_and(|data| !data.is_empty()) {
            return Err(bodiless_error());
        }
    }
    Ok(())
}

fn is_bodiless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn bodiless_error() -> Error {
    internal("GET and HEAD cannot have a body; use POST or PUT")
}

/// The body of an answer as the guest reads it.
pub struct AnswerBody {
    whole: Option<Bytes>,
    incoming: Option<Incoming>,
    between_bytes: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl AnswerBody {
    /// `between_bytes`: how long the guest waits for the next piece.
    pub fn new(whole: Option<Bytes>, incoming: Option<Incoming>, between_bytes: Option<Duration>) -> Self {
        let between_bytes = between_bytes.map(|most| (most, Box::pin(sleep(most))));
        Self { whole, incoming, between_bytes }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        match incoming.poll_chunk(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                if let Some((most, clock)) = &mut self.between_bytes {
                    clock.as_mut().reset(Instant::now() + *most);
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            Poll::Ready(Some(Err(message))) => {
                self.incoming = None;
                return Poll::Ready(Some(Err(internal(&message))));
            }
            Poll::Ready(None) => {
                self.incoming = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if let Some((_, clock)) = &mut self.between_bytes
            && clock.as_mut().poll(cx).is_ready()
        {
            self.incoming = None;
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        }
        Poll::Pending
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.whole.take()
            && !bytes.is_empty()
        {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        self.poll_incoming(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_none() && self.whole.as_ref().is_none_or(Bytes::is_empty)
    }
}
