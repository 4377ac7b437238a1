//! One engine: its guests, its threads, its slots, and who runs what.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures::future::{Either, select};
use tokio::runtime::{Builder, Handle, Runtime};
use wasmtime::Engine;

use crate::clocks::Clocks;
use crate::code::Codes;
use crate::failure::{Ending, Thrown};
use crate::http::Vessel;
use crate::linkers::Linkers;
use crate::live::{ABANDONED, Live};
use crate::load::Loaded;
use crate::meter::{Meter, Stop};
use crate::ops_api::{Invocation, RESIDENT_OPERATIONS, Routed};
use crate::outbox::{End, Kind, Line, Outbox};
use crate::places::{Place, Ticket};
use crate::protocol::{In, parse};
use crate::slots::Slots;
use crate::stdin::Inbox;
use crate::ticker::Ticker;
use crate::{command, config, http};

pub struct Core {
    pub engine: Engine,
    pub pooled: bool,
    pub linkers: Linkers,
    pub ticker: Arc<Ticker>,
    pub clocks: Arc<Clocks>,
    pub outbox: Arc<Outbox>,
    pub handle: Handle,
    pub codes: Codes,
    runtime: Mutex<Option<Runtime>>,
    pub slots: Slots,
    /// None: still loading.
    instances: Mutex<HashMap<u32, Option<Arc<Loaded>>>>,
    live: Mutex<HashMap<u64, Arc<Live>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Core {
    pub fn new(workers: u32, slots: u32, memory_mb: f64, outbox: Arc<Outbox>) -> Result<Arc<Self>, String> {
        let config::Runner { engine, pooled, places } = config::runner(slots, memory_mb).map_err(text_of)?;
        let linkers = Linkers::new(&engine).map_err(|error| format!("{error:#}"))?;
        let clocks = Arc::<Clocks>::default();
        let (begins, ends) = (clocks.clone(), clocks.clone());
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.max(1) as usize)
            .thread_name("islet-wasm")
            .enable_all()
            .on_thread_start(move || begins.enter())
            .on_thread_stop(move || ends.leave())
            .build()
            .map_err(text_of)?;
        Ok(Arc::new(Self {
            linkers,
            pooled,
            ticker: Ticker::start(engine.clone(), clocks.clone()).map_err(text_of)?,
            clocks,
            engine,
            outbox,
            handle: runtime.handle().clone(),
            codes: Codes::default(),
            runtime: Mutex::new(Some(runtime)),
            slots: Slots::new(places),
            instances: Mutex::default(),
            live: Mutex::default(),
        }))
    }

    /// A place for one more store, in the order of tickets.
    pub async fn slot(&self, ticket: Ticket, weight: u32) -> Place {
        if matches!(ticket, Ticket::Waiting(_)) {
            // One idle program that has siblings gives way.
            let all: Vec<Arc<Loaded>> = lock(&self.instances).values().flatten().cloned().collect();
            let _ = all.iter().filter_map(|loaded| loaded.residents.as_ref()).any(|residents| residents.shed());
        }
        self.slots.redeem(ticket, weight).await
    }

    /// The same for a call, which does not wait any longer when nobody waits for it.
    pub async fn slot_for(&self, live: &Live, ticket: Ticket, weight: u32) -> Result<Place, Thrown> {
        let gone =
            std::future::poll_fn(|cx| if live.flow.poll_cancelled(cx) { Poll::Ready(()) } else { Poll::Pending });
        match select(pin!(self.slot(ticket, weight)), gone).await {
            Either::Left((place, _)) => Ok(place),
            Either::Right(_) => Err(Thrown::new("AbortError", ABANDONED, "handler")),
        }
    }

    /// Keeps a store for the next request, unless somebody waits for its slot or its instance is gone.
    pub fn park(&self, vessel: Vessel) {
        let instances = lock(&self.instances);
        let refused = if instances.contains_key(&vessel.instance) { self.slots.park(vessel) } else { Some(vessel) };
        // A store is not freed under the lock: `begin` takes it on the main thread.
        drop(instances);
        drop(refused);
    }

    /// Makes an instance known that is about to be loaded.
    pub fn expect(&self, instance: u32) {
        lock(&self.instances).insert(instance, None);
    }

    /// Takes in an instance that nobody had to wait for.
    pub fn put(&self, loaded: Arc<Loaded>) {
        lock(&self.instances).insert(loaded.shared.instance, Some(loaded));
    }

    /// False when it was unloaded meanwhile.
    pub fn add(&self, loaded: Arc<Loaded>) -> bool {
        match lock(&self.instances).get_mut(&loaded.shared.instance) {
            Some(place) => {
                *place = Some(loaded);
                true
            }
            None => false,
        }
    }

    pub fn instance(&self, instance: u32) -> Option<Arc<Loaded>> {
        lock(&self.instances).get(&instance).cloned().flatten()
    }

    pub fn begin(&self, instance: u32, number: u64, text: &str, bytes: Option<Bytes>) {
        let Some(loaded) = self.instance(instance) else {
            self.outbox.push(Line::ended(instance, number, End { cause: "instance", cpu_ms: 0.0, peak_bytes: 0 }));
            return;
        };
        let meter = Meter::new(loaded.spec.limits.cpu_ms);
        if let Some(residents) = loaded.residents.clone() {
            let invocation = Invocation::new(number, loaded.shared.clone(), meter, RESIDENT_OPERATIONS);
            let live = Live::new(invocation, Inbox::new(None));
            lock(&self.live).insert(number, live.clone());
            residents.begin(&loaded, live, bytes.unwrap_or_default());
            return;
        }
        let invocation = Invocation::new(number, loaded.shared.clone(), meter, 2);
        let message = parse(text, bytes);
        let ticket = loaded.queue();
        let inbox = match &message {
            Ok(In::Request(head, _)) if head.b == 2 => Inbox::new(Some(invocation.clone())),
            Ok(In::Request(_, body)) => Inbox::whole(body.clone()),
            _ => Inbox::whole(None),
        };
        let live = Live::new(invocation, inbox);
        lock(&self.live).insert(number, live.clone());
        match message {
            Ok(In::Request(head, _)) if loaded.is_component() => {
                self.handle.spawn(http::run(loaded, live, head, ticket));
            }
            Ok(In::Request(head, body)) => {
                self.handle.spawn(command::run_request(loaded, live, head, body.map(|body| body.len()), ticket));
            }
            Ok(In::Event(head)) if !loaded.is_component() => {
                self.handle.spawn(command::run_event(loaded, live, head, ticket));
            }
            Ok(In::Event(_)) => {
                live.invocation.emit('N', r#"["a wasi:http component answers requests only"]"#.into(), None);
                self.end(&live, "finished");
            }
            other => {
                let text = other.err().unwrap_or_else(|| "it begins nothing".into());
                let thrown = Thrown::new("TypeError", format!("Cannot read the first message: {text}"), "handler");
                self.fail(&live, Ending::Threw(thrown));
            }
        }
    }

    pub fn message(&self, number: u64, text: &str, bytes: Option<Bytes>) {
        let Some(live) = lock(&self.live).get(&number).cloned() else { return };
        if text.is_empty() {
            let residents = self.instance(live.instance()).and_then(|loaded| loaded.residents.clone());
            if let (Some(residents), Some(line)) = (residents, bytes) {
                residents.line(&live, line);
            }
            return;
        }
        match parse(text, bytes) {
            Ok(message) => live.message(message),
            // What JavaScript writes is not always what serde reads (lone surrogates, depth): nobody shall wait for it.
            Err(why) => {
                let mut parts = text.trim_start_matches('[').split(',');
                let (kind, op) = (parts.next(), parts.nth(1).and_then(|op| op.parse().ok()));
                if let (Some("6"), Some(op)) = (kind, op) {
                    let message = format!("The answer cannot be read: {why}");
                    let value = serde_json::json!({ "name": "TypeError", "message": message, "code": null });
                    live.invocation.route(op, Routed::Answer { ok: false, value, bytes: None, streamed: false });
                }
            }
        }
    }

    pub fn finish(&self, number: u64) {
        let Some(live) = lock(&self.live).get(&number).cloned() else { return };
        let Some(loaded) = self.instance(live.instance()) else { return };
        if let Some(residents) = loaded.residents.clone() {
            residents.finish(&loaded, &live);
        }
    }

    pub fn drop_invocation(&self, number: u64) {
        let Some(live) = lock(&self.live).remove(&number) else { return };
        live.invocation.close(None);
        self.outbox.forget(number);
        live.invocation.meter().stop(Stop::Dropped);
    }

    pub fn unload(&self, instance: u32) {
        let Some(Some(loaded)) = lock(&self.instances).remove(&instance) else { return };
        let mine: Vec<Arc<Live>> = {
            let mut live = lock(&self.live);
            let numbers: Vec<u64> =
                live.iter().filter(|(_, live)| live.instance() == instance).map(|(number, _)| *number).collect();
            numbers.iter().filter_map(|number| live.remove(number)).collect()
        };
        for live in mine {
            self.end(&live, "instance");
            live.invocation.meter().stop(Stop::Unloaded);
        }
        loaded.stop();
        let parked = self.slots.unpark_all(instance);
        // Stores are not freed on the main thread.
        self.handle.spawn(async move { drop((parked, loaded)) });
    }

    /// Bytes of the stores of an instance, and of its machine code.
    pub fn memory_bytes(&self, instance: u32) -> u64 {
        self.instance(instance).map_or(0, |loaded| loaded.memory_bytes())
    }

    /// The one way an invocation ends, but for `drop` and for whole answers.
    pub fn end(&self, live: &Live, cause: &'static str) {
        self.finish_with(live, Line::of(live.instance(), live.invocation.number, Kind::Ended), cause);
    }

    /// The whole answer and the end in one.
    pub fn answer(&self, live: &Live, json: String, bytes: Option<Bytes>) {
        let line = Line::new(live.instance(), live.invocation.number, 'A', json, bytes);
        self.finish_with(live, line, "finished");
    }

    pub fn fail(&self, live: &Live, ending: Ending) {
        let (cause, thrown) = match ending {
            Ending::Silent => return,
            Ending::Cause(cause, thrown) => (cause, thrown),
            Ending::Threw(thrown) => ("finished", Some(thrown)),
        };
        if let Some(thrown) = thrown {
            if live.flow.is_open() {
                live.invocation.emit('F', serde_json::json!([1, thrown.message]).to_string(), None);
            }
            live.invocation.emit('Z', thrown.json(), None);
        }
        self.end(live, cause);
    }

    fn finish_with(&self, live: &Live, line: Line, cause: &'static str) {
        let cpu_ms = live.invocation.meter().cpu_ms();
        let peak_bytes = live.peak();
        let end = End { cause, cpu_ms, peak_bytes };
        lock(&self.live).remove(&live.invocation.number);
        live.invocation.close(Some(Line { end: Some(end), ..line }));
    }

    pub fn close(&self) {
        self.outbox.close();
        let instances: Vec<u32> = lock(&self.instances).keys().copied().collect();
        for instance in instances {
            self.unload(instance);
        }
        self.slots.close();
        self.ticker.close();
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}
