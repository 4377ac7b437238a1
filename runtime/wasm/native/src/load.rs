//! From a compiled file to an instance that takes invocations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::handler::Proxy;

use crate::code::{Code, Pre};
use crate::command;
use crate::core::Core;
use crate::failure::{Ending, Thrown, judge};
use crate::http::{Vessel, open_component};
use crate::limiter::Gauge;
use crate::meter::{Meter, Stop, metered};
use crate::ops_api::{About, Current, Guest, Shared};
use crate::places::{Place, Ticket};
use crate::residents::Residents;
use crate::spec::Spec;
use crate::wasi::Setup;

/// An instance in the contract's sense: what a deployment is in this process.
pub struct Loaded {
    pub core: Arc<Core>,
    pub spec: Arc<Spec>,
    pub shared: Arc<Shared>,
    pub code: Arc<Code>,
    pub gauge: Gauge,
    pub residents: Option<Arc<Residents>>,
    /// Of what is tried out now.
    starting: Mutex<Weak<Meter>>,
}

impl Loaded {
    pub fn is_component(&self) -> bool {
        matches!(self.code.pre, Pre::Component(_))
    }

    pub fn memory_bytes(&self) -> u64 {
        self.gauge.load(Ordering::Relaxed) + self.code.share()
    }

    /// Ends what is no invocation: a start, and programs that stay.
    pub fn stop(&self) {
        if let Some(meter) = self.starting.lock().unwrap_or_else(PoisonError::into_inner).upgrade() {
            meter.stop(Stop::Unloaded);
        }
        if let Some(residents) = &self.residents {
            residents.stop();
        }
    }

    /// Asks for what a store of this takes.
    pub fn queue(&self) -> Ticket {
        self.core.slots.queue(self.shared.instance, self.code.weight)
    }

    /// The same, and waits for it.
    pub async fn place(&self) -> Place {
        self.core.slot(self.queue(), self.code.weight).await
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
    /// None for residents.
    pub recipe: Option<Recipe>,
}

/// What has started once, to start within a call of the main thread as long as its code is in memory: nothing of it is
/// read, parsed or tried out again.
pub struct Recipe {
    spec: Arc<Spec>,
    about: Arc<About>,
    code: Weak<Code>,
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
    let mut spec =
        Spec::parse(text).map_err(|error| Refused::crashed(format!("Cannot read the instance's spec: {error}")))?;
    let code = core.codes.read(&core.engine, &core.linkers, &spec).map_err(|error| refuse_file(&error))?;
    let about = Arc::new(spec.take_about());
    let loaded = assemble(core, instance, Parts { spec: Arc::new(spec), about: about.clone(), code });
    let load_ms = to_ms(begun.elapsed());
    if !core.add(loaded.clone()) {
        return Err(Refused::from_ending(Ending::Silent));
    }
    let begun = Instant::now();
    match loaded.residents.clone() {
        Some(residents) => residents.first(&loaded).await?,
        None => try_out(&loaded).await?,
    }
    let start_ms = to_ms(begun.elapsed());
    let recipe = loaded.residents.is_none().then(|| Recipe {
        spec: loaded.spec.clone(),
        about,
        code: Arc::downgrade(&loaded.code),
    });
    Ok(Started { load_ms, start_ms, recipe })
}

/// The same at once: how long it took, in ms. None where the code is not in memory any more: `load` it.
pub fn load_now(core: &Arc<Core>, instance: u32, recipe: &Recipe) -> Option<f64> {
    let begun = Instant::now();
    let code = recipe.code.upgrade()?;
    core.codes.used(&code);
    let loaded = assemble(core, instance, Parts { spec: recipe.spec.clone(), about: recipe.about.clone(), code });
    core.put(loaded);
    Some(to_ms(begun.elapsed()))
}

struct Parts {
    spec: Arc<Spec>,
    about: Arc<About>,
    code: Arc<Code>,
}

fn assemble(core: &Arc<Core>, instance: u32, Parts { spec, about, code }: Parts) -> Arc<Loaded> {
    let shared = Arc::new(Shared { instance, about, outbox: core.outbox.clone() });
    let residents = spec.program.protocol.is_resident().then(|| Arc::new(Residents::default()));
    Arc::new(Loaded {
        core: core.clone(),
        spec,
        shared,
        code,
        gauge: Gauge::default(),
        residents,
        starting: Mutex::default(),
    })
}

fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn refuse_file(error: &wasmtime::Error) -> Refused {
    let message = format!("{error:#}");
    // The pool's own words for a module whose memory starts larger than any function may have.
    if message.contains("memory") && message.contains("exceeds the limit") {
        return Refused { message, ..Refused::exceeded("memoryMb") };
    }
    Refused::crashed(format!("Cannot load the compiled code: {message}"))
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

/// Instantiates once, so that what cannot start is known before a request comes. A component's store is kept for its
/// first request.
async fn try_out(loaded: &Arc<Loaded>) -> Result<(), Refused> {
    let meter = Meter::new(loaded.spec.limits.startup_cpu_ms);
    *loaded.starting.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&meter);
    let place = loaded.place().await;
    let setup = Setup::new(Current::new(loaded.shared.clone()), meter.clone());
    let over = Arc::new(AtomicBool::new(false));
    let known = over.clone();
    bound_start(&loaded.core, &meter, move || known.load(Ordering::Relaxed));
    let (mine, theirs) = (loaded.clone(), setup.clone());
    let outcome = metered(meter, loaded.core.ticker.clone(), async move {
        match &mine.code.pre {
            Pre::Component(_) => open_component(&mine, &theirs).await.map(Some),
            Pre::Command(_) => command::try_out(&mine, &theirs).await.map(|()| None),
        }
    })
    .await;
    over.store(true, Ordering::Relaxed);
    setup.logs.flush();
    let opened = judge(outcome, &setup.account).map_err(Refused::from_ending)?;
    if let Some(opened) = opened {
        loaded.core.park(Vessel::new(loaded, setup, place, Some(opened)));
    }
    Ok(())
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
