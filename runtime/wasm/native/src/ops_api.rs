//! What operations and bindings (`ops.rs`, `bindings/`) see of the core: the invocation they work for, and the data of
//! the store they run in.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::limiter::Limiter;
use crate::meter::Meter;
use crate::outbox::{Line, Outbox};

/// Operations a resident starts through imports are numbered from here, so that they never meet those which
/// lambda-lines.ts starts for the same invocation.
pub const RESIDENT_OPERATIONS: u32 = 1 << 20;

/// What the host sends for an operation and its two streams.
#[derive(Debug)]
pub enum Routed {
    /// In.Answer. `ok` false: `value` is `{name, message, code}`.
    Answer {
        ok: bool,
        value: Value,
        bytes: Option<Bytes>,
        streamed: bool,
    },
    /// In.Chunk, End, Fail of stream op + 1.
    Chunk(Bytes),
    End,
    Fail(String),
    /// In.Credit and In.Cancel of stream op.
    Credit(u64),
    Cancel,
    /// The invocation is over; nothing follows.
    Dropped,
}

/// One operation under way. Called on the main thread or a worker, never under a lock of the invocation: must not block.
pub trait Route: Send + Sync {
    fn message(&self, message: Routed);
}

/// One env name that is not a plain variable.
#[derive(Debug, Clone, Deserialize)]
pub struct Binding {
    pub name: String,
    pub kind: String,
}

/// What a guest may know of its deployment, and what it may log.
#[derive(Default)]
pub struct About {
    pub function: String,
    pub vars: BTreeMap<String, String>,
    pub bindings: Vec<Binding>,
    pub log_bytes: u64,
}

/// What all invocations of a loaded instance share.
pub struct Shared {
    pub instance: u32,
    pub about: Arc<About>,
    pub outbox: Arc<Outbox>,
}

/// One invocation, as long as anybody holds it. After its end `emit` does nothing.
pub struct Invocation {
    pub number: u64,
    pub shared: Arc<Shared>,
    meter: RwLock<Arc<Meter>>,
    operations: AtomicU32,
    routes: Mutex<Routes>,
}

#[derive(Default)]
struct Routes {
    over: bool,
    logged: Logged,
    ops: HashMap<u32, Arc<dyn Route>>,
}

impl Invocation {
    pub fn new(number: u64, shared: Arc<Shared>, meter: Arc<Meter>, first_operation: u32) -> Arc<Self> {
        Arc::new(Self {
            number,
            shared,
            meter: RwLock::new(meter),
            operations: AtomicU32::new(first_operation),
            routes: Mutex::default(),
        })
    }

    /// One line for the host: a letter of guest/protocol.ts, its JSON, and the bytes that [off, len] pairs point into.
    /// False when the invocation is over.
    pub fn emit(&self, letter: char, json: String, bytes: Option<Bytes>) -> bool {
        self.push(Line::new(self.shared.instance, self.number, letter, json, bytes))
    }

    /// A log line (`debug`, `log`, `info`, `warn`, `error`), counted against logBytes. False when that is used up (the
    /// invocation then ends) or the invocation is over.
    pub fn log(&self, level: &str, text: &str) -> bool {
        let mut routes = self.routes();
        if routes.over {
            return false;
        }
        if !routes.logged.covers(text, self.shared.about.log_bytes) {
            drop(routes);
            self.meter().exceed_log();
            return false;
        }
        self.shared.outbox.push(log_line(&self.shared, self.number, level, text));
        true
    }

    /// An event as it is; false when the invocation is over.
    pub fn push(&self, line: Line) -> bool {
        let routes = self.routes();
        // Under the lock: nothing may be queued after `close`.
        if !routes.over {
            self.shared.outbox.push(line);
        }
        !routes.over
    }

    /// Whose CPU time this invocation's is.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Core: a resident has taken the invocation.
    pub fn set_meter(&self, meter: Arc<Meter>) {
        *self.meter.write().unwrap_or_else(PoisonError::into_inner) = meter;
    }

    /// A number for one more operation: even, 2 or more.
    pub fn next_operation(&self) -> u32 {
        self.operations.fetch_add(2, Ordering::Relaxed)
    }

    /// From now on `route` hears what comes for `op`, op's body and its answer's body. `Dropped` at once when over.
    pub fn register(&self, op: u32, route: Arc<dyn Route>) {
        let mut routes = self.routes();
        if routes.over {
            drop(routes);
            route.message(Routed::Dropped);
            return;
        }
        routes.ops.insert(op, route);
    }

    pub fn unregister(&self, op: u32) {
        self.routes().ops.remove(&op);
    }

    pub fn is_over(&self) -> bool {
        self.routes().over
    }

    /// Core: hands a message to the operation it is for; dropped where that is unknown.
    pub fn route(&self, op: u32, message: Routed) {
        let route = self.routes().ops.get(&op).cloned();
        if let Some(route) = route {
            route.message(message);
        }
    }

    /// Core: the end. `last` is queued as the last event, unless it is over already. True for the caller that ended it.
    pub fn close(&self, last: Option<Line>) -> bool {
        let mut routes = self.routes();
        if routes.over {
            return false;
        }
        routes.over = true;
        let ops = std::mem::take(&mut routes.ops);
        if let Some(line) = last {
            self.shared.outbox.push(line);
        }
        drop(routes);
        for route in ops.into_values() {
            route.message(Routed::Dropped);
        }
        true
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Log lines that everybody may write, however short; one more for every 16 bytes of the budget. As isolate/output.ts.
const LEAST_LINES: u64 = 1000;

/// What was logged. A line costs its bytes, and its way to the host.
#[derive(Default)]
pub struct Logged {
    bytes: u64,
    lines: u64,
}

impl Logged {
    /// Counts a line; false when the budget of `most` bytes does not cover it.
    pub fn covers(&mut self, text: &str, most: u64) -> bool {
        self.bytes += text.len() as u64;
        self.lines += 1;
        self.bytes <= most && self.lines <= LEAST_LINES + most / 16
    }
}

pub fn log_line(shared: &Shared, number: u64, level: &str, text: &str) -> Line {
    let json = serde_json::json!([level, text]).to_string();
    Line::new(shared.instance, number, 'L', json, None)
}

/// Whom a store works for now: none while a resident starts or an instance waits to be used again.
#[derive(Clone)]
pub struct Current {
    pub shared: Arc<Shared>,
    slot: Arc<RwLock<Option<Arc<Invocation>>>>,
}

impl Current {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, slot: Arc::default() }
    }

    pub fn get(&self) -> Option<Arc<Invocation>> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, invocation: Option<Arc<Invocation>>) {
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = invocation;
    }
}

/// Data of every store, for components and commands alike.
pub struct Guest {
    /// The WASI context of both kinds; its table is the store's only one.
    pub wasi: WasiP1Ctx,
    pub http: WasiHttpCtx,
    pub limiter: Limiter,
    pub current: Current,
    /// Whose CPU time is counted now.
    pub meter: Arc<Meter>,
    /// What `bindings/` keeps for a store.
    pub bindings: crate::bindings::State,
}

impl Guest {
    pub fn table(&mut self) -> &mut ResourceTable {
        self.wasi.ctx().table
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: self.wasi.ctx().table, hooks: self.bindings.hooks() }
    }
}

// What `bindings/mod.rs` gives the core:
//   pub struct State; State::new(current: Current) -> State; State::hooks(&mut self) -> &mut dyn WasiHttpHooks
//   pub fn add_to_component_linker(linker: &mut wasmtime::component::Linker<Guest>) -> wasmtime::Result<()>
//   pub fn add_to_module_linker(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()>
//   pub const INTERFACES: &[&str]  component imports satisfied, with version: "wasi:keyvalue/store@0.2.0-draft"
