//! wasi:http components: a request in, a response out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::oneshot;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body::Body;
use http_body_util::BodyExt;
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi_http::handler::{Prepared, Proxy, Request};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::answer::{Answer, Head, Source, drive};
use crate::code::Pre;
use crate::failure::{Thrown, judge};
use crate::limiter::Account;
use crate::live::Live;
use crate::load::{Loaded, Opened, when_room};
use crate::meter::metered;
use crate::ops_api::{Current, Guest};
use crate::places::{Place, Ticket};
use crate::protocol::{RequestHead, from_latin1, latin1};
use crate::stdin::RequestBody;
use crate::wasi::{Setup, open_component_store};

/// A place for a store, and the store once it is there.
pub struct Vessel {
    pub instance: u32,
    setup: Setup,
    opened: Option<Opened>,
    used: u32,
    /// Given back after the store is gone.
    _place: Place,
}

impl Vessel {
    pub fn new(loaded: &Loaded, setup: Setup, place: Place, opened: Option<Opened>) -> Self {
        Self { instance: loaded.shared.instance, setup, opened, used: 0, _place: place }
    }

    /// No request was in it yet.
    pub fn is_fresh(&self) -> bool {
        self.used == 0
    }
}

type Response = Result<http::Response<WasiBody>, wasmtime::Error>;

/// One invocation, from its slot to its end.
pub async fn run(loaded: Arc<Loaded>, live: Arc<Live>, head: RequestHead, ticket: Ticket) {
    let (core, meter) = (loaded.core.clone(), live.invocation.meter());
    let board = board(loaded.clone(), live.clone(), ticket);
    let boarded = metered(meter.clone(), core.ticker.clone(), board).await;
    let vessel = match judge(boarded, &Account::default()) {
        Ok(vessel) => vessel,
        Err(ending) => return core.fail(&live, ending),
    };
    let (account, logs) = (vessel.setup.account.clone(), vessel.setup.logs.clone());
    account.begin();
    let _ = live.account.set(account.clone());
    let outcome = metered(meter, core.ticker.clone(), serve(loaded, live.clone(), head, vessel)).await;
    let (whole, vessel) = match judge(outcome, &account) {
        Ok(served) => served,
        Err(ending) => {
            logs.flush();
            return core.fail(&live, ending);
        }
    };
    match vessel {
        // From here on its account and its log are the next request's.
        Some(vessel) => {
            live.settle();
            core.park(vessel);
        }
        None => logs.flush(),
    }
    match whole {
        Some((json, bytes)) => core.answer(&live, json, bytes),
        None => core.end(&live, "finished"),
    }
}

async fn board(loaded: Arc<Loaded>, live: Arc<Live>, ticket: Ticket) -> Result<Vessel, Thrown> {
    if let Some(vessel) = loaded.core.slots.unpark(loaded.shared.instance) {
        return Ok(vessel);
    }
    let place = loaded.core.slot_for(&live, ticket, loaded.code.weight).await?;
    let setup = Setup::new(Current::new(loaded.shared.clone()), live.invocation.meter());
    Ok(Vessel::new(&loaded, setup, place, None))
}

/// A store with the component in it.
pub async fn open_component(loaded: &Loaded, setup: &Setup) -> Result<Opened, Thrown> {
    let Pre::Component(pre) = &loaded.code.pre else {
        return Err(Thrown::new("Error", "This is no component", "startup"));
    };
    when_room(async || {
        let mut store = open_component_store(loaded, setup)?;
        let proxy = pre.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    })
    .await
}

type Whole = Option<(String, Option<Bytes>)>;

/// The answer, where it is not sent yet, and the vessel, where its store may take another request.
type Served = (Whole, Option<Vessel>);

async fn serve(loaded: Arc<Loaded>, live: Arc<Live>, head: RequestHead, vessel: Vessel) -> Result<Served, Thrown> {
    let meter = live.invocation.meter();
    let (sender, receiver) = oneshot::channel();
    let (body_done, body_over) = oneshot::channel();
    let source = HttpSource { response: Some(receiver), body: None, done: Some(body_done) };
    let mut answer = Answer::new(live.invocation.clone(), live.flow.clone(), source);
    let request = to_request(&head, RequestBody(live.inbox.clone()))?;
    let guest = call(loaded, live, vessel, Call { request, sender, body_over });
    let vessel = drive(guest, &mut answer, &meter).await?;
    Ok((answer.take_whole(), vessel))
}

struct Call {
    request: Request,
    sender: oneshot::Sender<Response>,
    body_over: oneshot::Receiver<()>,
}

/// Gives the vessel back when its store may take another request.
async fn call(loaded: Arc<Loaded>, live: Arc<Live>, mut vessel: Vessel, call: Call) -> Result<Option<Vessel>, Thrown> {
    vessel.setup.current.set(Some(live.invocation.clone()));
    let (mut store, proxy) = match vessel.opened.take() {
        Some(opened) => opened,
        None => open_component(&loaded, &vessel.setup).await?,
    };
    store.data_mut().meter = live.invocation.meter();
    store.set_epoch_deadline(1);
    if !handle(&mut store, &proxy, call).await.map_err(|error| Thrown::from_error(&error, "handler"))? {
        return Err(no_response());
    }
    vessel.used += 1;
    // A body that is open when the guest has returned stays so: with the store it ends.
    if vessel.used >= loaded.spec.program.reuse || has_open_body(&mut store) {
        return Ok(None);
    }
    vessel.setup.logs.flush();
    vessel.setup.current.set(None);
    vessel.opened = Some((store, proxy));
    Ok(Some(vessel))
}

/// False when the guest came back without a response.
async fn handle(store: &mut Store<Guest>, proxy: &Proxy, call: Call) -> wasmtime::Result<bool> {
    let Call { request, sender, body_over } = call;
    let guest = match proxy {
        Proxy::P2(guest) => guest,
        Proxy::P3(_) => {
            return store
                .run_concurrent(async |accessor| {
                    let prepared = accessor
                        .with(|mut store| Prepared::new(store.as_context_mut(), proxy, request, Guest::http, sender))?;
                    prepared.run(accessor, std::future::pending()).await?;
                    // The body is written by tasks of the guest that live in this store.
                    let _ = body_over.await;
                    std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
                    Ok(true)
                })
                .await?;
        }
    };
    let scheme = match request.uri().scheme_str() {
        Some("https") => Scheme::Https,
        _ => Scheme::Http,
    };
    let sender = Arc::new(Mutex::new(Some(sender)));
    let take = |sender: &Mutex<Option<oneshot::Sender<Response>>>| {
        sender.lock().unwrap_or_else(PoisonError::into_inner).take()
    };
    let request = store.data_mut().http().new_incoming_request(scheme, request)?;
    let theirs = sender.clone();
    let out = store.data_mut().http().new_response_outparam_from_callback(move |response| {
        if let Some(sender) = take(&theirs) {
            let _ = sender.send(response.map_err(Into::into));
        }
    })?;
    guest.wasi_http_incoming_handler().call_handle(&mut *store, request, out).await?;
    // A guest may keep the outparam for ever: its answer is due now.
    Ok(take(&sender).is_none())
}

fn has_open_body(store: &mut Store<Guest>) -> bool {
    store.data_mut().table().iter_mut().any(|entry| entry.is::<HostOutgoingBody>())
}

fn no_response() -> Thrown {
    let message = "The component returned without a response; set the response-outparam before returning";
    Thrown::new("Error", message, "result")
}

fn to_request(head: &RequestHead, body: RequestBody) -> Result<Request, Thrown> {
    let unfit = |what: &str| {
        Thrown::new("TypeError", format!("Cannot pass the request on: its {what} is not usable"), "handler")
    };
    let mut request = http::Request::new(body.boxed_unsync());
    *request.method_mut() = Method::from_bytes(head.m.as_bytes()).map_err(|_| unfit("method"))?;
    *request.uri_mut() = to_uri(&head.u).ok_or_else(|| unfit("URL"))?;
    for pair in head.h.chunks_exact(2) {
        let name = HeaderName::from_bytes(pair[0].as_bytes()).map_err(|_| unfit("header name"))?;
        let value = HeaderValue::from_bytes(&from_latin1(&pair[1])).map_err(|_| unfit("header value"))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// A URL of the WHATWG's kind may hold characters that RFC 3986 does not know: those are percent-encoded.
fn to_uri(url: &str) -> Option<Uri> {
    let url = url.split('#').next().unwrap_or(url);
    if let Ok(uri) = url.parse() {
        return Some(uri);
    }
    let mut plain = String::with_capacity(url.len() + 16);
    for byte in url.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0..=0x20 | 0x7f.. => {
                plain.push_str(&format!("%{byte:02X}"));
            }
            _ => plain.push(char::from(byte)),
        }
    }
    plain.parse().ok()
}

struct HttpSource {
    response: Option<oneshot::Receiver<Response>>,
    body: Option<WasiBody>,
    /// Dropped when the body is complete.
    done: Option<oneshot::Sender<()>>,
}

impl Source for HttpSource {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Thrown>> {
        let Some(response) = &mut self.response else { return Poll::Pending };
        let response = match futures::ready!(Pin::new(response).poll(cx)) {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Poll::Ready(Err(Thrown::from_error(&error, "handler"))),
            Err(_) => return Poll::Ready(Err(no_response())),
        };
        let (parts, body) = response.into_parts();
        self.body = Some(body);
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), latin1(value.as_bytes()))).collect();
        Poll::Ready(Ok(Head { status: parts.status.as_u16(), headers }))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match futures::ready!(Pin::new(body).poll_frame(cx)) {
                // Trailers have no place in the protocol.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    self.refuse();
                    return Poll::Ready(Some(Err(error.to_string())));
                }
                None => {
                    self.refuse();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn refuse(&mut self) {
        self.response = None;
        self.body = None;
        self.done = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_browsers_become_uris() {
        assert_eq!(to_uri("http://h/a?b=1#c").unwrap().to_string(), "http://h/a?b=1");
        assert_eq!(to_uri("http://h/<a>?q").unwrap().path(), "/%3Ca%3E");
        assert!(to_uri("").is_none());
    }
}
