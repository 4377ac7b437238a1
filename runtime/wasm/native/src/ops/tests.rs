use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::future::join;
use serde_json::{Value, json};

use super::testing::{Host, run};
use super::{Payload, Request, Started, call, start};
use crate::ops_api::Routed;
use crate::protocol::{CHUNK_BYTES, INITIAL_CREDIT, INLINE_BYTES};

const MOST: usize = 1 << 20;

fn request(args: &Value, body: Payload) -> Request<'_> {
    Request { binding: "KV", method: "put", args, body }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn big(length: usize) -> Bytes {
    Bytes::from(vec![7; length])
}

#[test]
fn a_small_body_goes_with_its_operation() {
    run(async {
        let host = Host::new(&["KV"]);
        let args = json!({ "key": "a\nb" });
        let asked = call(&host.invocation, request(&args, Payload::Inline(big(INLINE_BYTES))), MOST);
        let served = async {
            let (op, what, bytes) = host.operation().await;
            assert_eq!((op, what), (2, json!(["KV", "put", { "key": "a\nb" }])));
            assert_eq!(bytes.unwrap().len(), INLINE_BYTES);
            host.answer_with(op, json!({ "ok": true }), Some(b"xyz"));
        };
        let (answer, ()) = join(asked, served).await;
        assert_eq!(answer.unwrap(), (json!({ "ok": true }), Some(Bytes::from_static(b"xyz"))));
        assert_eq!(host.heard().len(), 0);
    });
}

#[test]
fn a_large_body_waits_for_credit() {
    let host = Host::new(&["KV"]);
    let args = json!({});
    let length = INLINE_BYTES + CHUNK_BYTES + 1;
    let mut asked = pin!(call(&host.invocation, request(&args, Payload::Inline(big(length))), MOST));
    assert!(poll(asked.as_mut()).is_pending());
    let said = host.heard();
    assert_eq!(said[0].1, json!([2, "KV", "put", {}, 0, -1, 1]));
    let sent: usize = said[1..].iter().map(|line| line.2.as_ref().unwrap().len()).sum();
    assert_eq!((said[1].1.clone(), sent as u64), (json!([2, 0, CHUNK_BYTES]), INITIAL_CREDIT));
    host.send(2, Routed::Credit(10));
    assert!(poll(asked.as_mut()).is_pending());
    assert_eq!(host.heard_text(), ["C [2,0,10]"]);
    host.send(2, Routed::Credit(1 << 20));
    assert!(poll(asked.as_mut()).is_pending());
    assert_eq!(host.heard_text(), [format!("C [2,0,{}]", CHUNK_BYTES - 9), "E [2]".into()]);
    host.answer(2, json!(null));
    assert!(matches!(poll(asked.as_mut()), Poll::Ready(Ok((Value::Null, None)))));
}

#[test]
fn a_receiver_that_wants_no_more_gets_no_more() {
    let host = Host::new(&["KV"]);
    let args = json!({});
    let mut asked = pin!(call(&host.invocation, request(&args, Payload::Inline(big(1 << 20))), MOST));
    assert!(poll(asked.as_mut()).is_pending());
    host.heard();
    host.send(2, Routed::Cancel);
    host.send(2, Routed::Credit(1 << 20));
    assert!(poll(asked.as_mut()).is_pending());
    host.refuse(2, json!({ "name": "Error", "message": "no", "code": "ERR_KV_KEY" }));
    let Poll::Ready(Err(error)) = poll(asked.as_mut()) else { panic!("no error") };
    assert_eq!((error.message.as_str(), error.code.as_deref()), ("no", Some("ERR_KV_KEY")));
    assert_eq!(host.heard().len(), 0);
}

#[test]
fn an_operation_given_up_is_killed() {
    let host = Host::new(&["KV"]);
    let args = json!({});
    let Started { answer, body } = start(&host.invocation, request(&args, Payload::Streamed));
    host.heard();
    drop(answer);
    assert_eq!(host.heard_text(), ["K [2]"]);
    // Its body is not wanted either; nobody hears of it any more.
    drop(body);
    host.answer(2, json!(null));
    assert_eq!(host.heard().len(), 0);
}

#[test]
fn a_body_given_up_is_broken_off() {
    let host = Host::new(&["KV"]);
    let args = json!({});
    let Started { answer: _answer, body } = start(&host.invocation, request(&args, Payload::Streamed));
    host.heard();
    drop(body);
    assert_eq!(host.heard()[0].0, 'F');
}

#[test]
fn reading_grants_more_and_stopping_cancels() {
    let host = Host::new(&["KV"]);
    let args = json!({});
    let mut answer = start(&host.invocation, request(&args, Payload::None)).answer;
    host.heard();
    host.answer_streamed(2, json!({}));
    let Poll::Ready(Ok(got)) = poll(Pin::new(&mut answer)) else { panic!("no answer") };
    let mut body = got.body.unwrap();
    let mut next = || body.poll_chunk(&mut Context::from_waker(Waker::noop()));
    assert!(next().is_pending());
    host.send(2, Routed::Chunk(big(CHUNK_BYTES - 1)));
    host.send(2, Routed::Chunk(big(2)));
    assert!(next().is_ready());
    assert_eq!(host.heard().len(), 0);
    assert!(next().is_ready());
    assert_eq!(host.heard_text(), [format!("G [3,{}]", CHUNK_BYTES + 1)]);
    assert!(next().is_pending());
    drop(body);
    assert_eq!(host.heard_text(), ["X [3]"]);
}

#[test]
fn a_body_that_breaks_off_is_an_error() {
    run(async {
        let host = Host::new(&["KV"]);
        let args = json!({});
        let asked = call(&host.invocation, request(&args, Payload::None), MOST);
        let served = async {
            let (op, ..) = host.operation().await;
            host.answer_streamed(op, json!({}));
            host.send(op, Routed::Chunk(big(10)));
            host.send(op, Routed::Fail("reset".into()));
        };
        let (answer, ()) = join(asked, served).await;
        assert_eq!(answer.unwrap_err().message, "reset");
    });
}

#[test]
fn a_body_larger_than_asked_for_is_cancelled() {
    run(async {
        let host = Host::new(&["KV"]);
        let args = json!({});
        let asked = call(&host.invocation, request(&args, Payload::None), 10);
        let served = async {
            let (op, ..) = host.operation().await;
            host.answer_streamed(op, json!({}));
            host.send(op, Routed::Chunk(big(10)));
            host.send(op, Routed::Chunk(big(1)));
        };
        let (answer, ()) = join(asked, served).await;
        assert_eq!(answer.unwrap_err().name, "RangeError");
        assert_eq!(host.heard_text(), ["X [3]"]);
    });
}

#[test]
fn the_end_of_the_invocation_ends_its_operations() {
    let host = Host::new(&["KV"]);
    let args = json!({});
    let mut answer = start(&host.invocation, request(&args, Payload::None)).answer;
    host.heard();
    host.invocation.close(None);
    let Poll::Ready(Err(error)) = poll(Pin::new(&mut answer)) else { panic!("no error") };
    assert_eq!(error.name, "AbortError");
    let mut later = start(&host.invocation, request(&args, Payload::None)).answer;
    assert!(matches!(poll(Pin::new(&mut later)), Poll::Ready(Err(_))));
    assert_eq!(host.heard().len(), 0);
}
