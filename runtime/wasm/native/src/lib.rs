//! The addon: ../../native.ts in Rust. Guests run on threads of their own; this file is all that the main thread calls.

mod answer;
mod bindings;
mod cgi;
mod clocks;
mod code;
mod command;
mod compile;
mod config;
mod core;
mod failure;
mod http;
mod limiter;
mod lines;
mod linkers;
mod live;
mod load;
mod logs;
mod meter;
mod ops;
mod ops_api;
mod outbox;
mod outflow;
mod places;
mod protocol;
mod resident;
mod residents;
mod slots;
mod spec;
mod stdin;
mod stdout;
mod ticker;
mod wasi;

use std::sync::Arc;

use ::bytes::Bytes;
use futures::FutureExt;
use napi::JsDeferred;
use napi::bindgen_prelude::{Env, Error, Function, Object, Result, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;

use crate::core::Core;
use crate::load::{Refused, Started, load, load_now};
use crate::outbox::{Kind, Line, Outbox};
use crate::spec::GuestKind;

#[napi]
pub fn source_hash() -> &'static str {
    env!("ISLET_SOURCE_HASH")
}

#[napi(catch_unwind)]
pub fn engine_hash() -> Result<String> {
    let engine = config::compiler().map_err(to_napi)?;
    Ok(config::engine_hash(&engine))
}

fn to_napi(error: impl std::fmt::Display) -> Error {
    Error::from_reason(format!("{error:#}"))
}

#[napi(object, object_from_js = false)]
pub struct Compiled {
    pub ok: bool,
    pub guest: Option<&'static str>,
    pub artifact: Option<Uint8Array>,
    pub reason: Option<&'static str>,
    pub message: Option<String>,
    pub missing: Option<Vec<String>>,
}

impl From<std::result::Result<compile::Compiled, compile::Refusal>> for Compiled {
    fn from(outcome: std::result::Result<compile::Compiled, compile::Refusal>) -> Self {
        let none = Self { ok: false, guest: None, artifact: None, reason: None, message: None, missing: None };
        match outcome {
            Ok(compiled) => {
                let guest = match compiled.guest {
                    GuestKind::Component => "component",
                    GuestKind::Command => "command",
                };
                Self { ok: true, guest: Some(guest), artifact: Some(compiled.artifact.into()), ..none }
            }
            Err(refusal) => Self {
                reason: Some(refusal.reason),
                message: Some(refusal.message),
                missing: Some(refusal.missing),
                ..none
            },
        }
    }
}

#[napi(ts_return_type = "Promise<Compiled>", catch_unwind)]
pub fn compile<'env>(env: &'env Env, module: Uint8Array) -> Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let bytes = module.to_vec();
    std::thread::Builder::new()
        .name("islet-compile".into())
        .stack_size(16 << 20)
        .spawn(move || {
            let outcome =
                std::panic::catch_unwind(|| config::compiler().map(|engine| compile::compile(&engine, &bytes)));
            match outcome {
                Ok(Ok(outcome)) => deferred.resolve(move |_| Ok(Compiled::from(outcome))),
                Ok(Err(error)) => deferred.reject(to_napi(error)),
                Err(_) => deferred.reject(Error::from_reason("The compiler failed")),
            }
        })
        .map_err(to_napi)?;
    Ok(promise)
}

#[napi(object)]
pub struct EngineOptions {
    pub workers: u32,
    pub slots: u32,
    pub max_memory_mb: f64,
}

#[napi(object, object_from_js = false)]
pub struct NativeLoaded {
    pub ok: bool,
    pub load_ms: Option<f64>,
    pub start_ms: Option<f64>,
    pub recipe: Option<Recipe>,
    pub kind: Option<&'static str>,
    pub limit: Option<&'static str>,
    pub message: Option<String>,
    pub stack: Option<String>,
}

impl From<std::result::Result<Started, Refused>> for NativeLoaded {
    fn from(outcome: std::result::Result<Started, Refused>) -> Self {
        let none = Self {
            ok: false,
            load_ms: None,
            start_ms: None,
            recipe: None,
            kind: None,
            limit: None,
            message: None,
            stack: None,
        };
        match outcome {
            Ok(Started { load_ms, start_ms, recipe }) => {
                Self { ok: true, load_ms: Some(load_ms), start_ms: Some(start_ms), recipe: recipe.map(Recipe), ..none }
            }
            Err(refused) => Self {
                kind: Some(refused.kind),
                limit: refused.limit,
                message: Some(refused.message),
                stack: refused.stack,
                ..none
            },
        }
    }
}

/// What has started on an engine once: `Engine.load_now` takes it.
#[napi]
pub struct Recipe(load::Recipe);

#[napi(object, object_from_js = false)]
pub struct NativeEvent {
    pub instance: u32,
    pub invocation: f64,
    pub kind: String,
    pub text: Option<String>,
    pub bytes: Option<Uint8Array>,
    pub cause: Option<&'static str>,
    pub cpu_ms: Option<f64>,
    pub peak_bytes: Option<f64>,
}

impl From<Line> for NativeEvent {
    fn from(line: Line) -> Self {
        Self {
            instance: line.instance,
            invocation: line.invocation as f64,
            kind: match line.kind {
                Kind::Letter(letter) => letter.to_string(),
                Kind::Line => "line".into(),
                Kind::Ended => "ended".into(),
                Kind::Unhealthy => "unhealthy".into(),
            },
            text: line.text,
            bytes: line.bytes.map(|bytes| Vec::from(bytes).into()),
            cause: line.end.map(|end| end.cause),
            cpu_ms: line.end.map(|end| end.cpu_ms),
            peak_bytes: line.end.map(|end| end.peak_bytes as f64),
        }
    }
}

#[napi]
pub struct Engine {
    core: Arc<Core>,
}

#[napi]
impl Engine {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: EngineOptions, notify: Function<'_, (), ()>) -> Result<Self> {
        let notify = notify.build_threadsafe_function().weak::<true>().build()?;
        let outbox = Outbox::new(Box::new(move || {
            notify.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        let core =
            Core::new(options.workers, options.slots, options.max_memory_mb, Arc::new(outbox)).map_err(to_napi)?;
        Ok(Self { core })
    }

    #[napi(getter)]
    pub fn pooled(&self) -> bool {
        self.core.pooled
    }

    #[napi(ts_return_type = "Promise<NativeLoaded>", catch_unwind)]
    pub fn load<'env>(&self, env: &'env Env, instance: u32, spec: String) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred()?;
        let core = self.core.clone();
        core.expect(instance);
        let mut answer = Loading(Some(deferred));
        self.core.handle.spawn(async move {
            let loading = std::panic::AssertUnwindSafe(load(core, instance, spec));
            let outcome = loading.catch_unwind().await.unwrap_or_else(|_| Err(Refused::crashed("The engine failed")));
            answer.resolve(outcome);
        });
        Ok(promise)
    }

    /// `load` at once, of what has been loaded before: how many ms it took, or null where its code is not in memory.
    #[napi(catch_unwind)]
    pub fn load_now(&self, instance: u32, recipe: &Recipe) -> Option<f64> {
        load_now(&self.core, instance, &recipe.0)
    }

    #[napi(catch_unwind)]
    pub fn begin(&self, instance: u32, invocation: f64, message: String, bytes: Option<Uint8Array>) {
        self.core.begin(instance, invocation as u64, &message, to_bytes(bytes));
    }

    #[napi(catch_unwind)]
    pub fn message(&self, invocation: f64, message: String, bytes: Option<Uint8Array>) {
        self.core.message(invocation as u64, &message, to_bytes(bytes));
    }

    #[napi(catch_unwind)]
    pub fn finish(&self, invocation: f64) {
        self.core.finish(invocation as u64);
    }

    #[napi(catch_unwind)]
    pub fn drop(&self, invocation: f64) {
        self.core.drop_invocation(invocation as u64);
    }

    #[napi(catch_unwind)]
    pub fn unload(&self, instance: u32) {
        self.core.unload(instance);
    }

    #[napi(catch_unwind)]
    pub fn memory_bytes(&self, instance: u32) -> f64 {
        self.core.memory_bytes(instance) as f64
    }

    /// CPU time of all threads of this engine since it was made; rises only.
    #[napi(catch_unwind)]
    pub fn cpu_ms(&self) -> f64 {
        self.core.clocks.cpu_ms()
    }

    #[napi(catch_unwind)]
    pub fn drain(&self) -> Vec<NativeEvent> {
        self.core.outbox.drain().into_iter().map(NativeEvent::from).collect()
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.core.close();
    }
}

type Resolver = Box<dyn FnOnce(Env) -> Result<NativeLoaded> + Send>;

/// A promise of `load`; kept when the engine closes and the task that would keep it goes.
struct Loading(Option<JsDeferred<NativeLoaded, Resolver>>);

impl Loading {
    fn resolve(&mut self, outcome: std::result::Result<Started, Refused>) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(Box::new(move |_| Ok(NativeLoaded::from(outcome))));
        }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.resolve(Err(Refused::crashed("The engine was closed")));
    }
}

/// A copy: what JavaScript does with its buffer later is its own business.
fn to_bytes(bytes: Option<Uint8Array>) -> Option<Bytes> {
    bytes.map(|bytes| Bytes::copy_from_slice(&bytes))
}
