use bytes::Bytes;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::future::{FutureExt, join};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use serde_json::{Value, json};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use crate::bindings::http_out::Hooks;
use crate::ops::testing::{Host, run};
use crate::ops_api::Routed;

type Response = http::Response<WasiBody>;
type Io = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

fn send(host: &Host, method: &str, body: WasiBody) -> impl Future<Output = Result<(Response, Io)>> + use<> {
    let request = http::Request::builder()
        .method(method)
        .uri("http://example.com/a?b")
        .header("x-name", b"\xe9".as_slice())
        .body(body)
        .unwrap();
    let mut hooks = Hooks::new(host.current.clone());
    let sent = Box::into_pin(hooks.send_request(request, None, Box::new(async { Ok(()) })));
    async { sent.await.map(|(response, io)| (response, Box::into_pin(io))) }
}

fn whole(bytes: &'static [u8]) -> WasiBody {
    Full::new(Bytes::from_static(bytes)).map_err(Error::from).boxed_unsync()
}

fn none() -> WasiBody {
    Empty::new().map_err(Error::from).boxed_unsync()
}

/// A body that the guest writes while the request is under way.
fn open() -> (UnboundedSender<Result<Frame<Bytes>>>, WasiBody) {
    let (sender, receiver) = unbounded();
    (sender, StreamBody::new(receiver).boxed_unsync())
}

fn ok() -> Value {
    json!({ "status": 201, "headers": ["x-a", "1", "x-a", "\u{e9}", "bad name", "x"] })
}

#[test]
fn a_request_is_a_fetch_without_redirects() {
    run(async {
        let host = Host::new(&[]);
        let served = async {
            let (op, what, bytes) = host.operation().await;
            host.answer_with(op, ok(), Some(b"hi"));
            (what, bytes)
        };
        let (sent, (what, bytes)) = join(send(&host, "GET", none()), served).await;
        let args = json!({
            "url": "http://example.com/a?b", "method": "GET", "headers": ["x-name", "\u{e9}"], "redirect": "manual",
        });
        assert_eq!((what, bytes), (json!(["", "fetch", args]), None));
        let (response, io) = sent.unwrap();
        let values: Vec<_> = response.headers().get_all("x-a").iter().map(|value| value.as_bytes().to_vec()).collect();
        assert_eq!((response.status().as_u16(), values), (201, vec![b"1".to_vec(), b"\xe9".to_vec()]));
        assert_eq!(response.headers().len(), 2);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hi");
        io.await.unwrap();
    });
}

#[test]
fn requests_given_up_wait_until_the_host_has_heard_of_them() {
    run(async {
        let host = Host::new(&[]);
        let mut hooks = Hooks::new(host.current.clone());
        let mut give_up = || {
            let request = http::Request::builder().uri("http://example.com/").body(none()).unwrap();
            let sent = Box::into_pin(hooks.send_request(request, None, Box::new(async { Ok(()) })));
            assert!(sent.now_or_never().is_none());
        };
        for _ in 0..2 {
            (0..100).for_each(|_| give_up());
            let started = host.heard().iter().filter(|(letter, ..)| *letter == 'O').count();
            assert_eq!(started, 16);
            // So many requests use up what tokio lets a task do in one turn.
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_body_that_is_here_goes_inline() {
    run(async {
        let host = Host::new(&[]);
        let served = async {
            let (op, _, bytes) = host.operation().await;
            host.answer(op, ok());
            bytes
        };
        let (sent, bytes) = join(send(&host, "POST", whole(b"hello")), served).await;
        assert_eq!(bytes.unwrap(), "hello");
        assert!(sent.unwrap().0.into_body().collect().await.unwrap().to_bytes().is_empty());
    });
}

#[test]
fn bodies_stream_both_ways_at_once() {
    run(async {
        let host = Host::new(&[]);
        let (sender, body) = open();
        sender.unbounded_send(Ok(Frame::data("one".into()))).unwrap();
        let served = async {
            let (op, ..) = host.operation().await;
            host.answer_streamed(op, ok());
            host.send(op, Routed::Chunk("first".into()));
            op
        };
        let (sent, op) = join(send(&host, "POST", body), served).await;
        let (response, io) = sent.unwrap();
        let mut body = response.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
        sender.unbounded_send(Ok(Frame::data("two".into()))).unwrap();
        drop(sender);
        io.await.unwrap();
        assert_eq!(host.heard_text().last().unwrap(), &format!("E [{op}]"));
        host.send(op, Routed::Fail("reset".into()));
        assert!(body.frame().await.unwrap().is_err());
    });
}

#[test]
fn a_get_without_a_closed_body_is_sent_and_with_one_refused() {
    run(async {
        let host = Host::new(&[]);
        let (sender, body) = open();
        let served = async {
            let (op, ..) = host.operation().await;
            sender.unbounded_send(Ok(Frame::data("late".into()))).unwrap();
            op
        };
        let (sent, op) = join(send(&host, "GET", body), served).await;
        assert!(sent.is_err());
        assert_eq!(host.heard_text(), [format!("K [{op}]")]);
        assert!(send(&host, "GET", whole(b"x")).await.is_err());
        assert_eq!(host.heard().len(), 0);
    });
}

#[test]
fn a_body_that_breaks_off_breaks_the_request_off() {
    run(async {
        let host = Host::new(&[]);
        let (sender, body) = open();
        let served = async {
            let (op, ..) = host.operation().await;
            sender.unbounded_send(Err(Error::HttpProtocolError)).unwrap();
            op
        };
        let (sent, op) = join(send(&host, "POST", body), served).await;
        assert!(matches!(sent, Err(Error::HttpProtocolError)));
        let said = host.heard_text();
        assert!(said[0].starts_with(&format!("F [{op},")));
        assert_eq!(said[1], format!("K [{op}]"));
    });
}

#[test]
fn refusals_have_their_code() {
    run(async {
        let host = Host::new(&[]);
        let served = async |code: &str| {
            let (op, ..) = host.operation().await;
            host.refuse(op, json!({ "name": "Error", "message": "no", "code": code }));
        };
        let (sent, ()) = join(send(&host, "GET", none()), served("ERR_EGRESS_REFUSED")).await;
        assert!(matches!(sent, Err(Error::HttpRequestDenied)));
        let (sent, ()) = join(send(&host, "GET", none()), served("ERR_FETCH_FAILED")).await;
        assert!(matches!(sent, Err(Error::InternalError(Some(message))) if message == "no"));
        assert!(matches!(send(&host, "TRACE", none()).await, Err(Error::HttpRequestMethodInvalid)));
    });
}

#[test]
fn a_guest_may_bound_its_wait() {
    run(async {
        let host = Host::new(&[]);
        let soon = Some(std::time::Duration::from_millis(1));
        let options = RequestOptions { first_byte_timeout: soon, between_bytes_timeout: soon, ..Default::default() };
        let ask = || {
            let request = http::Request::builder().uri("http://example.com/").body(none()).unwrap();
            let mut hooks = Hooks::new(host.current.clone());
            Box::into_pin(hooks.send_request(request, Some(options), Box::new(async { Ok(()) })))
        };
        assert!(matches!(ask().await.map(drop), Err(Error::ConnectionReadTimeout)));
        assert_eq!(host.heard().last().unwrap().0, 'K');
        let mut asked = ask();
        assert!(futures::poll!(&mut asked).is_pending());
        let (op, ..) = host.operation().await;
        host.answer_streamed(op, ok());
        let (response, _) = asked.await.unwrap();
        let mut body = response.into_body();
        assert!(matches!(body.frame().await, Some(Err(Error::ConnectionReadTimeout))));
        assert_eq!(host.heard_text(), [format!("X [{}]", op + 1)]);
    });
}

#[test]
fn before_a_request_there_are_no_requests() {
    run(async {
        let host = Host::new(&[]);
        host.current.set(None);
        assert!(send(&host, "GET", none()).await.is_err());
    });
}
