//! A host for tests: reads the lines of one invocation and answers them.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::meter::Meter;
use crate::ops_api::{About, Binding, Current, Invocation, Routed, Shared};
use crate::outbox::{Kind, Outbox};

pub struct Host {
    pub invocation: Arc<Invocation>,
    pub current: Current,
    outbox: Arc<Outbox>,
}

/// A line: its letter, its JSON, its bytes.
pub type Said = (char, Value, Option<Bytes>);

impl Host {
    /// With KV bindings of these names, and vars A=1, B=2.
    pub fn new(stores: &[&str]) -> Self {
        let outbox = Arc::new(Outbox::new(Box::new(|| {})));
        let about = Arc::new(About {
            function: "f".into(),
            vars: [("A".into(), "1".into()), ("B".into(), "2".into())].into(),
            bindings: stores.iter().map(|name| Binding { name: (*name).into(), kind: "kv".into() }).collect(),
            log_bytes: 1000,
        });
        let shared = Arc::new(Shared { instance: 1, about, outbox: outbox.clone() });
        let invocation = Invocation::new(7, shared.clone(), Meter::new(1000.0), 2);
        let current = Current::new(shared);
        current.set(Some(invocation.clone()));
        Self { invocation, current, outbox }
    }

    /// What was said since the last time.
    pub fn heard(&self) -> Vec<Said> {
        let lines = self.outbox.drain().into_iter();
        lines.map(|line| (letter(line.kind), serde_json::from_str(&line.text.unwrap()).unwrap(), line.bytes)).collect()
    }

    /// The same, without bytes, as the protocol has it.
    pub fn heard_text(&self) -> Vec<String> {
        self.heard().into_iter().map(|(letter, json, _)| format!("{letter} {json}")).collect()
    }

    /// Waits for the next operation: its number and [binding, method, args], and its bytes.
    pub async fn operation(&self) -> (u32, Value, Option<Bytes>) {
        loop {
            let mut heard = self.heard().into_iter();
            if let Some((_, json, bytes)) = heard.find(|(letter, ..)| *letter == 'O') {
                let op = u32::try_from(json[0].as_u64().unwrap()).unwrap();
                return (op, Value::Array(json.as_array().unwrap()[1..4].to_vec()), bytes);
            }
            tokio::task::yield_now().await;
        }
    }

    pub fn answer(&self, op: u32, value: Value) {
        self.answer_with(op, value, None);
    }

    pub fn answer_with(&self, op: u32, value: Value, bytes: Option<&'static [u8]>) {
        let bytes = bytes.map(Bytes::from_static);
        self.invocation.route(op, Routed::Answer { ok: true, value, bytes, streamed: false });
    }

    pub fn answer_streamed(&self, op: u32, value: Value) {
        self.invocation.route(op, Routed::Answer { ok: true, value, bytes: None, streamed: true });
    }

    pub fn refuse(&self, op: u32, value: Value) {
        self.invocation.route(op, Routed::Answer { ok: false, value, bytes: None, streamed: false });
    }

    pub fn send(&self, op: u32, message: Routed) {
        self.invocation.route(op, message);
    }
}

fn letter(kind: Kind) -> char {
    match kind {
        Kind::Letter(letter) => letter,
        other => panic!("{other:?}"),
    }
}

/// Runs a test's future; timers work.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
