//! Outgoing requests of wasi:http, 0.2 and 0.3: operation `fetch` of the host (bindings/fetch).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderName, HeaderValue, Method, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use super::http_body::{AnswerBody, Beginning, begin, pump, refuse};
use crate::ops::{Answer, OperationError, Payload, Request, Started, Waiting, start_held};
use crate::ops_api::{Current, Invocation};
use crate::outbox::Held;
use crate::protocol::{CHUNK_BYTES, from_latin1, latin1};

/// Requests of one store that wait for their answer at once; the others wait before they are sent.
const MOST_WAITING: usize = 64;
/// Requests of one store on their way to the main thread at once, given up or not: the host counts them when it has them.
const MOST_UNDRAINED: usize = 16;
/// Addresses and headers are bounded by `http` and by wasi:http; methods are not.
const MOST_METHOD_BYTES: usize = 64;

type Io = Box<dyn Future<Output = Result<()>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Io)>> + Send>;

pub struct Hooks {
    current: Current,
    waiting: Arc<Semaphore>,
    undrained: Arc<Semaphore>,
}

impl Hooks {
    pub fn new(current: Current) -> Self {
        let undrained = Arc::new(Semaphore::new(MOST_UNDRAINED));
        Self { current, waiting: Arc::new(Semaphore::new(MOST_WAITING)), undrained }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Sent {
        let invocation = self.current.get();
        let (waiting, undrained) = (self.waiting.clone(), self.undrained.clone());
        Box::new(async move {
            let Some(invocation) = invocation else {
                return Err(internal("Requests may be sent while one is handled, not before"));
            };
            let _permit = waiting.acquire().await.map_err(|error| internal(&error.to_string()))?;
            send(&invocation, request, Sending { options: options.unwrap_or_default(), undrained }).await
        })
    }

    /// The host writes its own.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}

struct Sending {
    options: RequestOptions,
    undrained: Arc<Semaphore>,
}

async fn send(
    invocation: &Arc<Invocation>,
    request: http::Request<WasiBody>,
    Sending { options, undrained }: Sending,
) -> Result<(Response<WasiBody>, Io)> {
    let (parts, body) = request.into_parts();
    let known = !matches!(parts.method, Method::CONNECT | Method::TRACE);
    if !known || parts.method.as_str().len() > MOST_METHOD_BYTES {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let args = json!({
        "url": parts.uri.to_string(),
        "method": parts.method.as_str(),
        "headers": flat(&parts.headers),
        "redirect": "manual",
    });
    let beginning = begin(&parts, body).await?;
    let held = undrained.acquire_owned().await.map_err(|error| internal(&error.to_string()))?;
    let held = Some(Held::Permit(held));
    let started =
        |payload| start_held(invocation, Request { binding: "", method: "fetch", args: &args, body: payload }, held);
    let work: Pin<Box<dyn Future<Output = Result<()>> + Send>>;
    let (answer, goes_on) = match beginning {
        Beginning::Whole(bytes) => {
            work = Box::pin(async { Ok(()) });
            (started(bytes.map_or(Payload::None, Payload::Inline)).answer, false)
        }
        Beginning::Empty(rest) => {
            work = Box::pin(refuse(rest));
            (started(Payload::None).answer, false)
        }
        Beginning::Streamed(first, rest) => {
            let Started { answer, body: Some(outgoing) } = started(Payload::Streamed) else {
                return Err(Error::InternalError(None));
            };
            work = Box::pin(pump(outgoing, first, rest));
            (answer, true)
        }
    };
    let received = receive(answer, work);
    let (answer, rest) = match first_byte(&options) {
        None => received.await?,
        Some(most) => timeout(most, received).await.map_err(|_| Error::ConnectionReadTimeout)??,
    };
    let io: Io = match rest {
        Some(rest) if goes_on => Box::new(rest),
        _ => Box::new(async { Ok(()) }),
    };
    Ok((respond(answer, options.between_bytes_timeout)?, io))
}

/// The answer, while `work` on the request's body goes on; and what is left of that work.
async fn receive<W: Future<Output = Result<()>> + Unpin>(answer: Waiting, work: W) -> Result<(Answer, Option<W>)> {
    let (answered, rest) = match select(answer, work).await {
        Either::Left((answered, work)) => (answered, Some(work)),
        Either::Right((worked, answer)) => {
            worked?;
            (answer.await, None)
        }
    };
    Ok((answered.map_err(to_error)?, rest))
}

/// Connecting and waiting are one for us. A guest that bounds neither has the invocation's wall time.
fn first_byte(options: &RequestOptions) -> Option<Duration> {
    options.first_byte_timeout.map(|first| first.saturating_add(options.connect_timeout.unwrap_or_default()))
}

fn respond(answer: Answer, between_bytes: Option<Duration>) -> Result<Response<WasiBody>> {
    let status = answer.value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let body = AnswerBody::new(answer.bytes, answer.body, between_bytes);
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status
        .and_then(|status| http::StatusCode::from_u16(status).ok())
        .ok_or_else(|| internal("The answer has no status"))?;
    let names = answer.value.get("headers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for pair in names.chunks_exact(2) {
        let (Some(name), Some(value)) = (pair[0].as_str(), pair[1].as_str()) else {
            continue;
        };
        // What is no header to this library cannot be shown to the guest.
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::from_maybe_shared(Bytes::from(from_latin1(value))))
        {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

fn flat(headers: &http::HeaderMap) -> Vec<String> {
    headers.iter().flat_map(|(name, value)| [name.as_str().to_string(), latin1(value.as_bytes())]).collect()
}

fn to_error(error: OperationError) -> Error {
    match error.code.as_deref() {
        Some("ERR_EGRESS_REFUSED") => Error::HttpRequestDenied,
        _ => Error::InternalError(Some(error.message)),
    }
}

pub fn internal(message: &str) -> Error {
    Error::InternalError(Some(message.to_string()))
}
