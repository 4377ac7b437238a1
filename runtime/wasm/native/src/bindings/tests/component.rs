//! A component that uses the interfaces, against a host that answers.

use futures::future::join;
use serde_json::json;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::store::guest;
use crate::bindings::add_to_component_linker;
use crate::ops::testing::{Host, run};

#[test]
fn a_component_reads_swaps_counts_and_logs() {
    run(async {
        let host = Host::new(&["KV"]);
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        add_to_component_linker(&mut linker).unwrap();
        let component = Component::new(&engine, include_str!("component.wat")).unwrap();
        let mut store = Store::new(&engine, guest(&host));
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        let function = instance.get_typed_func::<(), (u32,)>(&mut store, "run").unwrap();
        let at = |version: &str| json!({ "metadata": null, "version": version });
        let served = async {
            let expect = async |what, answer, bytes| {
                let (op, asked, sent) = host.operation().await;
                assert_eq!(asked, what);
                host.answer_with(op, answer, bytes);
                sent
            };
            let get = json!(["KV", "get", { "key": "k" }]);
            expect(get.clone(), at("1"), Some(b"v")).await;
            expect(get.clone(), at("1"), Some(b"v")).await;
            let swap = |version: &str| json!(["KV", "put", { "key": "k", "ifVersion": version }]);
            let sent = expect(swap("1"), json!({ "ok": false }), None).await;
            assert_eq!(sent.unwrap(), "n");
            expect(get, at("2"), Some(b"w")).await;
            expect(swap("2"), json!({ "ok": true, "version": "3" }), None).await;
            expect(json!(["KV", "increment", { "key": "n", "delta": -3 }]), json!({ "value": 41 }), None).await;
        };
        let (result, ()) = join(function.call_async(&mut store, ()), served).await;
        assert_eq!(result.unwrap().0, 1000 * u32::from(b'v') + 41);
        assert_eq!(host.heard_text(), [r#"L ["error","A: 1"]"#]);
        // Neither buckets nor handles stay behind.
        assert!(store.data_mut().table().is_empty());
    });
}

#[test]
fn a_store_that_is_none_is_not_opened() {
    run(async {
        let host = Host::new(&["KV", "OTHER"]);
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        add_to_component_linker(&mut linker).unwrap();
        let component = Component::new(&engine, include_str!("component.wat")).unwrap();
        let mut store = Store::new(&engine, guest(&host));
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        let function = instance.get_typed_func::<(), (u32,)>(&mut store, "run").unwrap();
        assert!(function.call_async(&mut store, ()).await.is_err());
        assert_eq!(host.heard().len(), 0);
    });
}
