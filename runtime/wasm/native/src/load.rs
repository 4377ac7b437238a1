//! From a compiled file to an instance that takes invocations.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::Component;
use wasmtime::{InstancePre, Module, PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::handler::{Proxy, ProxyPre};
use wasmtime_wasi_http::{p2, p3};

use crate::command;
use crate::core::Core;
use crate::failure::{Ending, Thrown, judge};
use crate::http::open_component;
use crate::limiter::Gauge;
use crate::meter::{Meter, Stop, metered};
use crate::ops_api::{Current, Guest, Shared};
use crate::residents::Residents;
use crate::spec::{GuestKind, Spec};
use crate::wasi::Setup;

/// Linked code; one for all instances of the same artifact.
pub struct Code {
    pub pre: Pre,
    bytes: u64,
}

pub enum Pre {
    Component(ProxyPre<Guest>),
    Command(InstancePre<Guest>),
}

/// An instance in the contract's sense: what a deployment is in this process.
pub struct Loaded {
    pub core: Arc<Core>,
    pub spec: Spec,
    pub shared: Arc<Shared>,
    pub code: Arc<Code>,
    pub gauge: Gauge,
    pub residents: Option<Arc<Residents>>,
}

impl Loaded {
    pub fn is_component(&self) -> bool {
        matches!(self.code.pre, Pre::Component(_))
    }

    pub fn memory_bytes(&self) -> u64 {
        let sharers = Arc::strong_count(&self.code).max(1) as u64;
        self.gauge.load(Ordering::Relaxed) + self.code.bytes / sharers
    }
}

pub struct Refused {
    /// threw, exceeded or crashed.
    pub kind: &'static str,
    pub limit: Option<&'static str>,
    pub message: String,
    pub stack: Option<String>,
}

impl Refused {
    pub fn crashed(message: impl Into<String>) -> Self {
        Self { kind: "crashed", limit: None, message: message.into(), stack: None }
    }

    fn exceeded(limit: &'static str) -> Self {
        Self { kind: "exceeded", limit: Some(limit), message: format!("Starting went over {limit}"), stack: None }
    }

    pub fn from_ending(ending: Ending) -> Self {
        match ending {
            Ending::Threw(Thrown { name, message, stack, .. }) => {
                Self { kind: "threw", limit: None, message: format!("{name}: {message}"), stack }
            }
            Ending::Cause("cpuMs", _) => Self::exceeded("startupCpuMs"),
            Ending::Cause("memoryMb", _) => Self::exceeded("memoryMb"),
            Ending::Cause("logBytes", _) => Self::exceeded("logBytes"),
            Ending::Cause(_, Some(thrown)) => Self::crashed(thrown.message),
            Ending::Cause(_, None) | Ending::Silent => Self::crashed("The instance was unloaded while it started"),
        }
    }
}

pub struct Started {
    pub load_ms: f64,
    pub start_ms: f64,
}

/// Loads what `Core::expect` announced. Panics go to the caller, whose task is the border.
pub async fn load(core: Arc<Core>, instance: u32, text: String) -> Result<Started, Refused> {
    let outcome = open(&core, instance, &text).await;
    if outcome.is_err() {
        core.unload(instance);
    }
    outcome
}

async fn open(core: &Arc<Core>, instance: u32, text: &str) -> Result<Started, Refused> {
    let begun = Instant::now();
    let spec =
        Spec::parse(text).map_err(|error| Refused::crashed(format!("Cannot read the instance's spec: {error}")))?;
    let code = read(core, &spec)?;
    let shared = Arc::new(Shared {
        instance,
        function: spec.name.clone(),
        vars: spec.vars.clone(),
        bindings: spec.bindings(),
        log_bytes: spec.limits.log_bytes.max(0.0) as u64,
        outbox: core.outbox.clone(),
    });
    let residents = spec.program.protocol.is_resident().then(|| Arc::new(Residents::default()));
    let loaded = Arc::new(Loaded {
        core: core.clone(),
        spec,
        shared,
        code,
        gauge: Gauge::default(),
        residents: residents.clone(),
    });
    let load_ms = to_ms(begun.elapsed());
    if !core.add(loaded.clone()) {
        return Err(Refused::from_ending(Ending::Silent));
    }
    let begun = Instant::now();
    match residents {
        Some(residents) => residents.first(&loaded).await?,
        None => try_out(&loaded).await?,
    }
    Ok(Started { load_ms, start_ms: to_ms(begun.elapsed()) })
}

fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn read(core: &Core, spec: &Spec) -> Result<Arc<Code>, Refused> {
    let known = || core.codes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known().get(&spec.artifact).and_then(std::sync::Weak::upgrade) {
        return Ok(code);
    }
    let code = match spec.program.guest {
        GuestKind::Component => read_component(core, &spec.artifact),
        GuestKind::Command => read_command(core, &spec.artifact),
    };
    let code = Arc::new(code.map_err(|error| refuse_file(&error))?);
    let mut codes = known();
    codes.retain(|_, code| code.strong_count() > 0);
    codes.insert(spec.artifact.clone(), Arc::downgrade(&code));
    Ok(code)
}

fn refuse_file(error: &wasmtime::Error) -> Refused {
    let message = format!("{error:#}");
    // The pool's own words for a module whose memory starts larger than any function may have.
    if message.contains("memory") && message.contains("exceeds the limit") {
        return Refused { message, ..Refused::exceeded("memoryMb") };
    }
    Refused::crashed(format!("Cannot load the compiled code: {message}"))
}

fn read_component(core: &Core, path: &str) -> wasmtime::Result<Code> {
    // SAFETY: the host names only files that `compile` made and that nobody else can write (mode 0600).
    let component = unsafe { Component::deserialize_file(&core.engine, path)? };
    let range = component.image_range();
    let pre = core.linkers.component.instantiate_pre(&component)?;
    Ok(Code { pre: Pre::Component(proxy_pre(pre)?), bytes: (range.end as usize - range.start as usize) as u64 })
}

/// The handler of wasi:http 0.2, or else of 0.3.
pub fn proxy_pre(pre: wasmtime::component::InstancePre<Guest>) -> wasmtime::Result<ProxyPre<Guest>> {
    if let Ok(pre) = p2::bindings::ProxyPre::new(pre.clone()) {
        return Ok(ProxyPre::P2(pre));
    }
    Ok(ProxyPre::P3(p3::bindings::ServicePre::new(pre)?))
}

fn read_command(core: &Core, path: &str) -> wasmtime::Result<Code> {
    // SAFETY: as above.
    let module = unsafe { Module::deserialize_file(&core.engine, path)? };
    let range = module.image_range();
    let pre = core.linkers.for_command(&module)?.instantiate_pre(&module)?;
    Ok(Code { pre: Pre::Command(pre), bytes: (range.end as usize - range.start as usize) as u64 })
}

/// As long as isolates have.
const START_WALL: Duration = Duration::from_secs(10);

/// Stops a start that takes no CPU and no end either: a guest that sleeps. `ready` tells that it is over.
pub fn bound_start(core: &Core, meter: &Arc<Meter>, ready: impl Fn() -> bool + Send + 'static) {
    let meter = Arc::downgrade(meter);
    core.handle.spawn(async move {
        tokio::time::sleep(START_WALL).await;
        if let Some(meter) = meter.upgrade()
            && !ready()
        {
            meter.stop(Stop::Cpu);
        }
    });
}

/// Instantiates once, so that what cannot start is known before a request comes.
async fn try_out(loaded: &Arc<Loaded>) -> Result<(), Refused> {
    let _permit = loaded.core.slot().await;
    let meter = Meter::new(loaded.spec.limits.startup_cpu_ms);
    let setup = Setup::new(Current::new(loaded.shared.clone()), meter.clone());
    let (account, logs) = (setup.account.clone(), setup.logs.clone());
    let mine = loaded.clone();
    bound_start(&loaded.core, &meter, || false);
    let outcome = metered(meter, loaded.core.ticker.clone(), async move {
        match &mine.code.pre {
            Pre::Component(_) => open_component(&mine, &setup).await.map(drop),
            Pre::Command(_) => command::try_out(&mine, &setup).await,
        }
    })
    .await;
    logs.flush();
    judge(outcome, &account).map_err(Refused::from_ending)
}

/// Tries `open` until the pool has room: its slots are counted more coarsely than its memories.
pub async fn when_room<T, F, O>(mut open: F) -> Result<T, Thrown>
where
    F: FnMut() -> O,
    O: Future<Output = wasmtime::Result<T>>,
{
    loop {
        match open().await {
            Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            other => return other.map_err(|error| Thrown::from_error(&error, "startup")),
        }
    }
}

pub type Opened = (Store<Guest>, Proxy);
