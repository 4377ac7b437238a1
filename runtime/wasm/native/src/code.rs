//! Compiled files in memory: linked once for all instances, and kept a while after the last of them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasmtime::component::Component;
use wasmtime::{Engine, InstancePre, Module, ResourcesRequired};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

use crate::config::{PLACE_MEMORIES, PLACE_TABLES};
use crate::linkers::Linkers;
use crate::ops_api::Guest;
use crate::spec::{GuestKind, Spec};

/// Machine code that is kept though no instance has it: of functions that were tried out at deploy, or evicted.
const KEPT_BYTES: u64 = 64 << 20;

/// Linked code; one for all instances of the same artifact.
pub struct Code {
    pub pre: Pre,
    /// Places that a store with it takes.
    pub weight: u32,
    bytes: u64,
    kept: AtomicBool,
}

pub enum Pre {
    Component(ProxyPre<Guest>),
    Command(InstancePre<Guest>),
}

impl Code {
    /// One instance's part of the machine code.
    pub fn share(self: &Arc<Self>) -> u64 {
        let others = usize::from(self.kept.load(Ordering::Relaxed));
        self.bytes / (Arc::strong_count(self) - others).max(1) as u64
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By the path of the compiled file, whose name stands for its content.
#[derive(Default)]
pub struct Codes {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, Weak<Code>>,
    /// Longest unused first.
    kept: VecDeque<Arc<Code>>,
    bytes: u64,
}

impl Codes {
    /// It is used once more; the main thread says so, too.
    pub fn used(&self, code: &Arc<Code>) {
        let kept = &mut lock(&self.state).kept;
        if let Some(at) = kept.iter().rposition(|one| Arc::ptr_eq(one, code))
            && let Some(code) = kept.remove(at)
        {
            kept.push_back(code);
        }
    }

    /// What is in memory, or what is read from the file.
    pub fn read(&self, engine: &Engine, linkers: &Linkers, spec: &Spec) -> wasmtime::Result<Arc<Code>> {
        let known = lock(&self.state).known.get(&spec.artifact).and_then(Weak::upgrade);
        if let Some(code) = known {
            self.used(&code);
            return Ok(code);
        }
        let code = Arc::new(match spec.program.guest {
            GuestKind::Component => read_component(engine, linkers, &spec.artifact)?,
            GuestKind::Command => read_command(engine, linkers, &spec.artifact)?,
        });
        let forgotten = self.keep(&spec.artifact, &code);
        // Not under the lock: that unmaps files.
        drop(forgotten);
        Ok(code)
    }

    fn keep(&self, path: &str, code: &Arc<Code>) -> Vec<Arc<Code>> {
        let mut state = lock(&self.state);
        state.known.retain(|_, code| code.strong_count() > 0);
        state.known.insert(path.to_string(), Arc::downgrade(code));
        if code.bytes > KEPT_BYTES {
            return Vec::new();
        }
        state.bytes += code.bytes;
        code.kept.store(true, Ordering::Relaxed);
        state.kept.push_back(code.clone());
        let mut forgotten = Vec::new();
        while state.bytes > KEPT_BYTES
            && let Some(oldest) = state.kept.pop_front()
        {
            state.bytes -= oldest.bytes;
            oldest.kept.store(false, Ordering::Relaxed);
            forgotten.push(oldest);
        }
        forgotten
    }
}

fn read_component(engine: &Engine, linkers: &Linkers, path: &str) -> wasmtime::Result<Code> {
    // SAFETY: the host names only files that `compile` made and that nobody else can write (mode 0600).
    let component = unsafe { Component::deserialize_file(engine, path)? };
    let range = component.image_range();
    let weight = weight(component.resources_required());
    let pre = linkers.component.instantiate_pre(&component)?;
    Ok(code(Pre::Component(proxy_pre(pre)?), weight, range.end as usize - range.start as usize))
}

/// The handler of wasi:http 0.2, or else of 0.3.
pub fn proxy_pre(pre: wasmtime::component::InstancePre<Guest>) -> wasmtime::Result<ProxyPre<Guest>> {
    if let Ok(pre) = p2::bindings::ProxyPre::new(pre.clone()) {
        return Ok(ProxyPre::P2(pre));
    }
    Ok(ProxyPre::P3(p3::bindings::ServicePre::new(pre)?))
}

fn read_command(engine: &Engine, linkers: &Linkers, path: &str) -> wasmtime::Result<Code> {
    // SAFETY: as above.
    let module = unsafe { Module::deserialize_file(engine, path)? };
    let range = module.image_range();
    let weight = weight(Some(module.resources_required()));
    let pre = linkers.for_command(&module)?.instantiate_pre(&module)?;
    Ok(code(Pre::Command(pre), weight, range.end as usize - range.start as usize))
}

fn code(pre: Pre, weight: u32, bytes: usize) -> Code {
    Code { pre, weight, bytes: bytes as u64, kept: AtomicBool::new(false) }
}

/// Memories and tables come out of the pool, which has so many for each place.
fn weight(required: Option<ResourcesRequired>) -> u32 {
    required.map_or(1, |required| {
        required.num_memories.div_ceil(PLACE_MEMORIES).max(required.num_tables.div_ceil(PLACE_TABLES)).max(1)
    })
}
