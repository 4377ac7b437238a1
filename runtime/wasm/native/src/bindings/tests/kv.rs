use bytes::Bytes;
use futures::future::join;
use serde_json::{Value, json};

use crate::bindings::kv::{Kv, MOST_VALUE_BYTES};
use crate::ops::OperationError;
use crate::ops::testing::{Host, run};

fn kv(host: &Host) -> Kv {
    Kv { invocation: Some(host.invocation.clone()), binding: "KV".into() }
}

/// What `asked` gives, and what the host heard when it answered `answer`.
fn ask<T>(
    host: &Host,
    asked: impl Future<Output = Result<T, OperationError>>,
    answer: Value,
    bytes: Option<&'static [u8]>,
) -> (Result<T, OperationError>, Value, Option<Bytes>) {
    run(async {
        let served = async {
            let (op, what, sent) = host.operation().await;
            host.answer_with(op, answer, bytes);
            (what, sent)
        };
        let (result, (what, sent)) = join(asked, served).await;
        (result, what, sent)
    })
}

#[test]
fn get_tells_none_from_empty() {
    let (host, key) = (Host::new(&["KV"]), "k");
    let (found, what, _) = ask(&host, kv(&host).get(key, MOST_VALUE_BYTES), json!(null), None);
    assert_eq!(what, json!(["KV", "get", { "key": "k" }]));
    assert_eq!(found.unwrap().value, None);
    let here = json!({ "metadata": null, "version": "12" });
    let (found, ..) = ask(&host, kv(&host).get(key, MOST_VALUE_BYTES), here, Some(b""));
    let found = found.unwrap();
    assert_eq!((found.value, found.version.as_deref()), (Some(Bytes::new()), Some("12")));
}

#[test]
fn put_may_be_conditional() {
    let host = Host::new(&["KV"]);
    let (done, what, sent) = ask(&host, kv(&host).put("k", Bytes::from_static(b"v")), json!({ "ok": true }), None);
    assert!(done.is_ok());
    assert_eq!((what, sent), (json!(["KV", "put", { "key": "k" }]), Some(Bytes::from_static(b"v"))));
    let (done, what, _) = ask(&host, kv(&host).put_if("k", None, Bytes::new()), json!({ "ok": false }), None);
    assert_eq!(what, json!(["KV", "put", { "key": "k", "ifVersion": null }]));
    assert!(!done.unwrap());
    let (done, what, _) = ask(&host, kv(&host).put_if("k", Some("3"), Bytes::new()), json!({ "ok": true }), None);
    assert_eq!(what, json!(["KV", "put", { "key": "k", "ifVersion": "3" }]));
    assert!(done.unwrap());
}

#[test]
fn exists_looks_for_the_very_key() {
    let host = Host::new(&["KV"]);
    let page = |name: &str| json!({ "keys": [{ "name": name }], "list_complete": false, "cursor": "c" });
    let (there, what, _) = ask(&host, kv(&host).exists("ab"), page("ab"), None);
    assert_eq!(what, json!(["KV", "list", { "prefix": "ab", "limit": 1 }]));
    assert!(there.unwrap());
    let (there, ..) = ask(&host, kv(&host).exists("ab"), page("abc"), None);
    assert!(!there.unwrap());
    let (there, ..) = ask(&host, kv(&host).exists("ab"), json!({ "keys": [], "list_complete": true }), None);
    assert!(!there.unwrap());
}

#[test]
fn increment_gives_the_sum() {
    let host = Host::new(&["KV"]);
    let (sum, what, _) = ask(&host, kv(&host).increment("n", -2), json!({ "value": -5, "version": "1" }), None);
    assert_eq!(what, json!(["KV", "increment", { "key": "n", "delta": -2 }]));
    assert_eq!(sum.unwrap(), -5);
}

#[test]
fn a_binding_needs_an_invocation() {
    let before = Kv { invocation: None, binding: "KV".into() };
    assert!(run(before.delete("k")).is_err());
}

#[test]
fn what_only_fills_our_memory_is_not_sent() {
    let host = Host::new(&["KV"]);
    let error = run(kv(&host).get(&"k".repeat(4097), 0)).map(drop).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("ERR_KV_KEY"));
    let error = run(kv(&host).put("k", Bytes::from(vec![0; MOST_VALUE_BYTES + 1]))).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("ERR_KV_VALUE"));
    assert_eq!(host.heard().len(), 0);
}
