//! Operations: what a guest asks of its bindings, as the JavaScript guests do it in runtime/guest/operations.ts and
//! bodies.ts. An `O` line goes out; an answer, its body and credits come back through `Channel`.

mod channel;
mod ends;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use serde_json::Value;

use crate::ops_api::{Invocation, Route, Routed};
use crate::outbox::{Held, Line};
use crate::protocol::INLINE_BYTES;
use channel::{Channel, Link};
pub use ends::{Incoming, Outgoing, Waiting};

/// Why there is no answer: the binding's own error, or ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationError {
    pub name: String,
    pub message: String,
    pub code: Option<String>,
}

impl OperationError {
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), code: None }
    }

    fn from_answer(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
        Self {
            name: text("name").unwrap_or_else(|| "Error".into()),
            message: text("message").unwrap_or_else(|| "The operation failed".into()),
            code: text("code"),
        }
    }

    fn over() -> Self {
        Self::new("AbortError", "The invocation is over")
    }
}

/// One call to env[binding], or to the runtime itself when `binding` is "".
pub struct Request<'a> {
    pub binding: &'a str,
    pub method: &'a str,
    pub args: &'a Value,
    pub body: Payload,
}

pub enum Payload {
    None,
    Inline(Bytes),
    /// Follows through `Started::body`.
    Streamed,
}

/// An operation under way. Dropping `answer` before it is ready gives the operation up.
pub struct Started {
    pub answer: Waiting,
    /// For `Payload::Streamed`.
    pub body: Option<Outgoing>,
}

pub struct Answer {
    pub value: Value,
    pub bytes: Option<Bytes>,
    pub body: Option<Incoming>,
}

/// Starts an operation; when the invocation is over its answer says so.
pub fn start(invocation: &Arc<Invocation>, request: Request<'_>) -> Started {
    start_held(invocation, request, None)
}

/// The same; `held` is given back when the host has it.
pub fn start_held(invocation: &Arc<Invocation>, request: Request<'_>, held: Option<Held>) -> Started {
    let number = invocation.next_operation();
    let channel = Arc::new(Channel::default());
    invocation.register(number, channel.clone());
    let link = Arc::new(Link { invocation: invocation.clone(), number, channel });
    let (bytes, streamed) = match request.body {
        Payload::None => (None, false),
        Payload::Inline(bytes) => (Some(bytes), false),
        Payload::Streamed => (None, true),
    };
    let length = bytes.as_ref().map_or(-1, |bytes| bytes.len() as i64);
    let json = format!(
        "[{number},{},{},{},0,{length},{}]",
        Value::from(request.binding),
        Value::from(request.method),
        request.args,
        u8::from(streamed),
    );
    let line = Line::new(invocation.shared.instance, invocation.number, 'O', json, bytes);
    if !invocation.push(Line { held, ..line }) {
        link.channel.message(Routed::Dropped);
    }
    let body = streamed.then(|| Outgoing { link: link.clone(), finished: false });
    Started { answer: Waiting { link: Some(link) }, body }
}

/// Sends all of `body` and gathers the answer's, which may have `most` bytes.
pub async fn call(
    invocation: &Arc<Invocation>,
    mut request: Request<'_>,
    most: usize,
) -> Result<(Value, Option<Bytes>), OperationError> {
    let mut large = None;
    if let Payload::Inline(bytes) = &mut request.body
        && bytes.len() > INLINE_BYTES
    {
        large = Some(std::mem::take(bytes));
        request.body = Payload::Streamed;
    }
    let Started { answer, body } = start(invocation, request);
    let received = pin!(gather(answer, most));
    let (Some(mut outgoing), Some(bytes)) = (body, large) else {
        return received.await;
    };
    let sent = pin!(async move {
        if outgoing.send(bytes).await {
            outgoing.end();
        }
    });
    match select(received, sent).await {
        Either::Left((result, _)) => result,
        Either::Right(((), received)) => received.await,
    }
}

async fn gather(answer: Waiting, most: usize) -> Result<(Value, Option<Bytes>), OperationError> {
    let Answer { value, bytes, body } = answer.await?;
    let Some(mut body) = body else {
        return Ok((value, bytes));
    };
    let mut all = BytesMut::new();
    while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
        let chunk = chunk.map_err(|message| OperationError::new("Error", message))?;
        if all.len() + chunk.len() > most {
            return Err(OperationError::new("RangeError", format!("The answer has more than {most} bytes")));
        }
        all.extend_from_slice(&chunk);
    }
    Ok((value, Some(all.freeze())))
}
