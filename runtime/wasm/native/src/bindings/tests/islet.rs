//! The imports as a core module meets them.

use bytes::Bytes;
use futures::future::join;
use serde_json::{Value, json};
use wasmtime::{Engine, Linker, Module, Result, Store};

use super::store::guest;
use crate::bindings::add_to_module_linker;
use crate::ops::testing::{Host, run};
use crate::ops_api::{Guest, Routed};

/// `call` with a request at 0 and a body at 1024; `take` copies answer and body to 2048 and 4096.
const MODULE: &str = r#"(module
    (import "islet" "call" (func $call (param i32 i32 i32 i32) (result i32)))
    (import "islet" "answer" (func $answer (param i32)))
    (import "islet" "body_len" (func $body_len (result i32)))
    (import "islet" "body" (func $body (param i32)))
    (memory (export "memory") 1)
    (func (export "call") (param i32 i32) (result i32)
        (call $call (i32.const 0) (local.get 0) (i32.const 1024) (local.get 1)))
    (func (export "far") (result i32)
        (call $call (i32.const 65530) (i32.const 7) (i32.const 0) (i32.const -1)))
    (func (export "take") (result i32)
        (call $answer (i32.const 2048))
        (call $body_len)
        (call $body (i32.const 4096)))
    (func (export "take_far") (call $answer (i32.const 65535))))"#;

struct Caller {
    store: Store<Guest>,
    instance: wasmtime::Instance,
}

async fn caller(host: &Host) -> Caller {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_module_linker(&mut linker).unwrap();
    let mut store = Store::new(&engine, guest(host));
    let instance = linker.instantiate_async(&mut store, &Module::new(&engine, MODULE).unwrap()).await.unwrap();
    Caller { store, instance }
}

impl Caller {
    fn memory(&mut self) -> &mut [u8] {
        self.instance.get_memory(&mut self.store, "memory").unwrap().data_mut(&mut self.store)
    }

    async fn call(&mut self, request: &str, body: Option<&str>) -> i32 {
        self.memory()[..request.len()].copy_from_slice(request.as_bytes());
        let body = body.unwrap_or_default();
        self.memory()[1024..1024 + body.len()].copy_from_slice(body.as_bytes());
        let length = if body.is_empty() { -1 } else { body.len() as i32 };
        let call = self.instance.get_typed_func::<(i32, i32), i32>(&mut self.store, "call").unwrap();
        call.call_async(&mut self.store, (request.len() as i32, length)).await.unwrap()
    }

    /// The answer's JSON, which has `length` bytes, and its body.
    async fn take(&mut self, length: i32) -> (Value, Option<Vec<u8>>) {
        let take = self.instance.get_typed_func::<(), i32>(&mut self.store, "take").unwrap();
        let body = take.call_async(&mut self.store, ()).await.unwrap();
        let memory = self.memory();
        let json = serde_json::from_slice(&memory[2048..2048 + length as usize]).unwrap();
        (json, (body >= 0).then(|| memory[4096..4096 + body as usize].to_vec()))
    }

    async fn run(&mut self, name: &str) -> Result<()> {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let mut results = vec![wasmtime::Val::I32(0); function.ty(&self.store).results().len()];
        function.call_async(&mut self.store, &[], &mut results).await
    }
}

#[test]
fn a_call_waits_for_its_answer() {
    run(async {
        let host = Host::new(&["KV"]);
        let mut caller = caller(&host).await;
        let served = async {
            let (op, what, bytes) = host.operation().await;
            assert_eq!((what, bytes.unwrap()), (json!(["KV", "put", { "key": "a" }]), Bytes::from_static(b"value")));
            host.answer(op, json!({ "ok": true }));
        };
        let (length, ()) = join(caller.call(r#"["KV","put",{"key":"a"}]"#, Some("value")), served).await;
        assert_eq!(caller.take(length).await, (json!({ "ok": { "ok": true } }), None));
    });
}

#[test]
fn a_streamed_body_is_gathered_and_given_once() {
    run(async {
        let host = Host::new(&["KV"]);
        let mut caller = caller(&host).await;
        let served = async {
            let (op, ..) = host.operation().await;
            host.answer_streamed(op, json!({ "version": "1" }));
            host.send(op, Routed::Chunk("ab".into()));
            host.send(op, Routed::Chunk("cd".into()));
            host.send(op, Routed::End);
        };
        let (length, ()) = join(caller.call(r#"["KV","get",{"key":"a"}]"#, None), served).await;
        assert_eq!(caller.take(length).await, (json!({ "ok": { "version": "1" } }), Some(b"abcd".to_vec())));
        assert_eq!(caller.take(length).await.1, None);
    });
}

#[test]
fn errors_are_answers() {
    run(async {
        let host = Host::new(&["KV"]);
        let mut caller = caller(&host).await;
        let error = json!({ "name": "Error", "message": "no", "code": "ERR_KV_KEY" });
        let served = async {
            let (op, ..) = host.operation().await;
            host.refuse(op, error.clone());
        };
        let (length, ()) = join(caller.call(r#"["KV","get",{"key":""}]"#, None), served).await;
        assert_eq!(caller.take(length).await.0, json!({ "error": error }));
        assert_eq!(caller.call("[1]", None).await, -1);
        host.current.set(None);
        let length = caller.call(r#"["KV","get",{"key":""}]"#, None).await;
        assert_eq!(caller.take(length).await.0["error"]["name"], "Error");
    });
}

#[test]
fn addresses_outside_the_memory_trap() {
    run(async {
        let host = Host::new(&["KV"]);
        host.current.set(None);
        let mut caller = caller(&host).await;
        caller.call(r#"["KV","get",{}]"#, None).await;
        for name in ["take_far", "far"] {
            let error = caller.run(name).await.unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&wasmtime::Trap::MemoryOutOfBounds), "{name}");
        }
    });
}
