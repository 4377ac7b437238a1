//! A response on its way out: gathered while the guest computes, sent as a stream once the guest waits or the body is
//! long, and as one line when it is short and whole.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use crate::failure::Thrown;
use crate::meter::Meter;
use crate::ops_api::Invocation;
use crate::outflow::Outflow;
use crate::protocol::{CHUNK_BYTES, INLINE_BYTES};

/// The stream number of the response body.
const RESPONSE_BODY: u32 = 1;

pub struct Head {
    pub status: u16,
    /// Name, value; as guest/protocol.ts has headers.
    pub headers: Vec<(String, String)>,
}

/// Bodies up to this long that are ASCII go as text, within the line: nothing beside it has to be made, carried and
/// joined again.
const TEXT_BYTES: usize = 2048;

impl Head {
    fn flat(&self) -> Vec<&str> {
        self.headers.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
    }

    /// `kind` 0 or 3: no body in this line.
    fn json(&self, kind: u8) -> String {
        to_json(&(self.status, self.flat(), kind))
    }

    /// The same with the whole body, in the line or beside it.
    fn json_with(&self, body: Bytes) -> (String, Option<Bytes>) {
        let text = if body.len() <= TEXT_BYTES && body.is_ascii() { std::str::from_utf8(&body).ok() } else { None };
        match text {
            Some(text) => (to_json(&(self.status, self.flat(), 1, text)), None),
            None => (to_json(&(self.status, self.flat(), 2, [0, body.len()])), Some(body)),
        }
    }
}

/// Of numbers and strings, which always have JSON.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Where a response comes from.
pub trait Source {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Thrown>>;
    /// None: the body is complete.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>>;
    /// The receiver wants no more of the body.
    fn refuse(&mut self);
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Stage {
    Head,
    /// The head is here and nothing is sent yet.
    Gathering,
    Streaming,
    /// Nothing comes any more; all of it is gathered or sent.
    Whole,
    Sent,
}

pub struct Answer<S> {
    invocation: Arc<Invocation>,
    flow: Arc<Outflow>,
    source: S,
    stage: Stage,
    head: Option<Head>,
    gathered: VecDeque<Bytes>,
    bytes: usize,
    ended: bool,
}

impl<S: Source> Answer<S> {
    pub fn new(invocation: Arc<Invocation>, flow: Arc<Outflow>, source: S) -> Self {
        Self {
            invocation,
            flow,
            source,
            stage: Stage::Head,
            head: None,
            gathered: VecDeque::new(),
            bytes: 0,
            ended: false,
        }
    }

    fn done(&self) -> bool {
        matches!(self.stage, Stage::Whole | Stage::Sent)
    }

    /// A short response that is whole and not sent: the JSON and the bytes of an `A` line.
    pub fn take_whole(&mut self) -> Option<(String, Option<Bytes>)> {
        if self.stage != Stage::Whole {
            return None;
        }
        self.stage = Stage::Sent;
        let head = self.head.take()?;
        if self.bytes == 0 {
            return Some((head.json(0), None));
        }
        Some(head.json_with(self.join()))
    }

    fn join(&mut self) -> Bytes {
        if self.gathered.len() == 1 {
            return self.gathered.pop_front().unwrap_or_default();
        }
        let mut all = BytesMut::with_capacity(self.bytes);
        for part in self.gathered.drain(..) {
            all.extend_from_slice(&part);
        }
        all.freeze()
    }

    /// Takes what is there. True when something moved.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<bool, Thrown> {
        let mut moved = false;
        // The caller went away before there was anything for it.
        if matches!(self.stage, Stage::Head | Stage::Gathering) && self.flow.poll_cancelled(cx) {
            self.refuse();
            moved = true;
        }
        loop {
            let step = match self.stage {
                Stage::Head => match self.source.poll_head(cx) {
                    Poll::Pending => false,
                    Poll::Ready(head) => {
                        self.head = Some(head?);
                        self.stage = Stage::Gathering;
                        true
                    }
                },
                Stage::Gathering => self.gather(cx)?,
                Stage::Streaming => self.stream(cx)?,
                Stage::Whole | Stage::Sent => false,
            };
            if !step {
                return Ok(moved);
            }
            moved = true;
        }
    }

    fn gather(&mut self, cx: &mut Context<'_>) -> Result<bool, Thrown> {
        match self.source.poll_body(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(None) => {
                self.ended = true;
                self.stage = Stage::Whole;
                Ok(true)
            }
            Poll::Ready(Some(Err(message))) => Err(body_failed(message)),
            Poll::Ready(Some(Ok(part))) => {
                self.keep(part);
                if self.bytes > INLINE_BYTES {
                    self.open();
                }
                Ok(true)
            }
        }
    }

    fn keep(&mut self, part: Bytes) {
        if part.is_empty() {
            return;
        }
        self.bytes += part.len();
        self.gathered.push_back(part);
    }

    /// The head goes out; the body follows on its stream.
    fn open(&mut self) {
        if let Some(head) = self.head.take() {
            self.invocation.emit('H', head.json(3), None);
        }
        self.flow.set_open(true);
        self.stage = Stage::Streaming;
    }

    fn stream(&mut self, cx: &mut Context<'_>) -> Result<bool, Thrown> {
        if self.gathered.is_empty() {
            if self.ended {
                self.close('E', format!("[{RESPONSE_BODY}]"));
                return Ok(true);
            }
            if self.flow.poll_cancelled(cx) {
                self.refuse();
                return Ok(true);
            }
            return match self.source.poll_body(cx) {
                Poll::Pending => Ok(false),
                Poll::Ready(None) => {
                    self.ended = true;
                    Ok(true)
                }
                Poll::Ready(Some(Err(message))) => Err(body_failed(message)),
                Poll::Ready(Some(Ok(part))) => {
                    self.keep(part);
                    Ok(true)
                }
            };
        }
        self.send(cx)
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, Thrown> {
        let Some(front) = self.gathered.front_mut() else { return Ok(false) };
        let most = match self.flow.poll_credit(cx, front.len().min(CHUNK_BYTES)) {
            Poll::Pending => return Ok(false),
            Poll::Ready(None) => {
                self.refuse();
                return Ok(true);
            }
            Poll::Ready(Some(most)) => most,
        };
        let part = front.split_to(most);
        if front.is_empty() {
            self.gathered.pop_front();
        }
        self.invocation.emit('C', format!("[{RESPONSE_BODY},0,{most}]"), Some(part));
        Ok(true)
    }

    fn refuse(&mut self) {
        self.gathered.clear();
        self.source.refuse();
        self.flow.set_open(false);
        self.stage = Stage::Sent;
    }

    fn close(&mut self, letter: char, json: String) {
        self.invocation.emit(letter, json, None);
        self.flow.set_open(false);
        self.stage = Stage::Sent;
    }

    /// The guest waits: whoever waits for the response gets what is here.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Thrown> {
        match self.stage {
            Stage::Gathering => {
                self.open();
                self.poll(cx)?;
            }
            Stage::Whole => {
                if let Some((json, bytes)) = self.take_whole() {
                    self.invocation.emit('H', json, bytes);
                }
            }
            Stage::Head | Stage::Streaming | Stage::Sent => {}
        }
        Ok(())
    }
}

fn body_failed(message: String) -> Thrown {
    Thrown::new("Error", message, "handler")
}

/// Runs `guest` and sends its response until both are done; gives what the guest gave.
pub async fn drive<S: Source, T>(
    guest: impl Future<Output = Result<T, Thrown>>,
    answer: &mut Answer<S>,
    meter: &Meter,
) -> Result<T, Thrown> {
    let mut guest = pin!(futures::future::FutureExt::fuse(guest));
    let mut value = None;
    std::future::poll_fn(|cx| {
        loop {
            if value.is_none()
                && let Poll::Ready(result) = Pin::as_mut(&mut guest).poll(cx)
            {
                value = Some(result?);
            }
            let moved = answer.poll(cx)?;
            if answer.done() && value.is_some() {
                return Poll::Ready(Ok(()));
            }
            if !moved {
                break;
            }
        }
        if !meter.take_yielded() {
            answer.flush(cx)?;
            if answer.done() && value.is_some() {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    })
    .await?;
    value.ok_or_else(|| Thrown::new("Error", "The function ended without an answer", "result"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &'static [u8]) -> (String, Option<Bytes>) {
        let head = Head { status: 200, headers: vec![("a".into(), "\"b".into())] };
        head.json_with(Bytes::from_static(body))
    }

    #[test]
    fn a_short_body_of_ascii_is_in_the_line() {
        assert_eq!(written(b"x\"\n"), (r#"[200,["a","\"b"],1,"x\"\n"]"#.into(), None));
        assert_eq!(written(&[b'x'; TEXT_BYTES]).1, None);
    }

    #[test]
    fn any_other_body_is_beside_it() {
        let (json, bytes) = written(&[b'x'; TEXT_BYTES + 1]);
        assert_eq!(json, r#"[200,["a","\"b"],2,[0,2049]]"#);
        assert_eq!(bytes.map(|bytes| bytes.len()), Some(TEXT_BYTES + 1));
        assert_eq!(written("é".as_bytes()).1, Some(Bytes::from_static("é".as_bytes())));
    }
}
