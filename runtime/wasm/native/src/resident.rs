//! One program that stays: it reads a line, answers it with lines, and reads the next.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::command::{RESULT_BYTES, open, start};
use crate::failure::{Ending, Thrown, judge};
use crate::lines::{LineOutlet, Weight};
use crate::live::Live;
use crate::load::{Loaded, Refused};
use crate::logs::LogOutlet;
use crate::meter::{Meter, Metered, Stop, metered};
use crate::ops_api::Current;
use crate::outbox::{Held, Kind, Line};
use crate::places::Place;
use crate::residents::Residents;
use crate::stdin::{Inbox, Stdin};
use crate::stdout::{Outlet, Stdout};
use crate::wasi::{Setup, Streams};

/// The longest line a program may write: a result in its envelope, binary as base64.
const LINE_BYTES: usize = RESULT_BYTES * 2;

/// Told once: that the program waits for its first line, or why it never did.
pub type Ready = Arc<Mutex<Option<oneshot::Sender<Result<(), Refused>>>>>;

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One program.
pub struct Resident {
    pub stdin: Arc<Inbox>,
    stdout: OnceLock<Arc<LineOutlet>>,
    pub setup: Setup,
    /// It has waited for a line once.
    pub ready: AtomicBool,
    /// It waits for a line, and has written none since: what it writes next answers what it is given next.
    pub idle: Arc<AtomicBool>,
    pub busy: Mutex<Option<Arc<Live>>>,
    /// Bytes it had read when it was given what it is busy with.
    read_before: AtomicU64,
    /// Counts what it was given, to notice that it stayed idle.
    pub turns: AtomicU64,
}

impl Resident {
    pub fn new(loaded: &Loaded) -> Arc<Self> {
        let current = Current::new(loaded.shared.clone());
        Arc::new(Self {
            stdin: Inbox::new(None),
            stdout: OnceLock::new(),
            setup: Setup::new(current, Meter::new(loaded.spec.limits.startup_cpu_ms)),
            ready: AtomicBool::new(false),
            idle: Arc::default(),
            busy: Mutex::default(),
            read_before: AtomicU64::new(0),
            turns: AtomicU64::new(0),
        })
    }

    pub fn is_free(&self) -> bool {
        self.idle.load(Ordering::SeqCst) && self.is_between() && !self.is_within_line()
    }

    pub fn is_within_line(&self) -> bool {
        self.stdout.get().is_some_and(|stdout| stdout.is_within_line())
    }

    /// It waits for its first line: what it printed so far is logged, a line without its end as well.
    pub fn started(&self) {
        self.log_partial();
        self.setup.logs.flush();
    }

    /// Ends a program that has begun a line for nobody: it would be prefixed to its next answer. Under the lock of
    /// `Residents`, so that it is not given a call meanwhile.
    pub fn check(&self) {
        if self.is_between() && self.is_within_line() {
            self.log_partial();
            self.setup.logs.flush();
            self.setup.meter.stop(Stop::Dropped);
        }
    }

    fn log_partial(&self) {
        let partial = self.stdout.get().map(|stdout| stdout.take_partial()).unwrap_or_default();
        if !partial.is_empty() {
            self.setup.logs.print(partial);
        }
    }

    /// It has been answered for, and is not waiting for a line yet.
    pub fn is_between(&self) -> bool {
        self.ready.load(Ordering::SeqCst) && lock(&self.busy).is_none() && self.setup.meter.stopped().is_none()
    }

    /// It has read nothing of what it is busy with.
    pub fn is_unread(&self) -> bool {
        self.stdin.taken() == self.read_before.load(Ordering::SeqCst)
    }

    pub fn write(&self, line: &[u8]) {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        self.stdin.push_telling(bytes.into(), || self.idle.store(false, Ordering::SeqCst));
    }
}

/// Gives `live` to an idle program.
pub fn assign(loaded: &Loaded, resident: &Arc<Resident>, live: Arc<Live>) {
    let meter = resident.setup.meter.clone();
    meter.restart(loaded.spec.limits.cpu_ms);
    resident.setup.account.begin();
    live.invocation.set_meter(meter);
    let _ = live.account.set(resident.setup.account.clone());
    resident.setup.current.set(Some(live.invocation.clone()));
    resident.turns.fetch_add(1, Ordering::SeqCst);
    resident.read_before.store(resident.stdin.taken(), Ordering::SeqCst);
    *lock(&resident.busy) = Some(live.clone());
    let mut seat = lock(&live.seat);
    seat.resident = Some(resident.clone());
    for line in std::mem::take(&mut seat.lines) {
        resident.write(&line);
    }
    // Dropped meanwhile, when its meter was another one: nobody would ever say that this program is free.
    if live.invocation.is_over() {
        resident.setup.meter.stop(Stop::Dropped);
    }
}

/// Runs a program to its end, whatever that is.
pub async fn run(residents: Arc<Residents>, loaded: Arc<Loaded>, resident: Arc<Resident>, place: Place, ready: Ready) {
    let setup = resident.setup.clone();
    let (meter, account) = (setup.meter.clone(), setup.account.clone());
    let program = live_on(loaded.clone(), resident.clone());
    let outcome: Metered<Result<(), Thrown>> = metered(meter, loaded.core.ticker.clone(), program).await;
    drop(place);
    let ending = match judge(outcome, &account) {
        Err(Ending::Threw(thrown)) => Ending::Threw(thrown.with_stack(resident.setup.logs.tail())),
        Err(ending) => ending,
        Ok(()) => Ending::Threw(ended_early(&resident).with_stack(resident.setup.logs.tail())),
    };
    residents.gone(&loaded, &resident, ending, &ready);
}

fn ended_early(resident: &Resident) -> Thrown {
    if resident.ready.load(Ordering::SeqCst) {
        return Thrown::new("Error", "The program ended without an answer", "handler");
    }
    let message = "The program ended while it started; read lines from standard input until it ends";
    Thrown::new("Error", message, "startup")
}

async fn live_on(loaded: Arc<Loaded>, resident: Arc<Resident>) -> Result<(), Thrown> {
    let (setup, stdin) = (resident.setup.clone(), Stdin(resident.stdin.clone()));
    let stdout = Arc::new(lines(&resident));
    let _ = resident.stdout.set(stdout.clone());
    let env = vec![
        ("ISLET_FUNCTION".to_string(), loaded.shared.about.function.clone()),
        ("ISLET_RESIDENT".to_string(), "1".to_string()),
    ];
    let streams = || Streams { stdin: stdin.clone(), stdout: Stdout(stdout.clone()), env: env.clone() };
    let (store, instance) = open(&loaded, &setup, streams).await?;
    start(store, instance).await
}

/// Lines go to the host in the name of the invocation at hand. Without one they are log lines, and a program that has
/// started is out of step: it goes.
fn lines(resident: &Arc<Resident>) -> LineOutlet {
    let theirs = Arc::downgrade(resident);
    let (current, idle) = (resident.setup.current.clone(), resident.idle.clone());
    let stray = LogOutlet::new(current.clone(), resident.setup.meter.clone(), "log");
    let take = move |bytes: Bytes, weight: Weight| {
        let invocation = current.get();
        // Nobody would take an empty line for an answer.
        if invocation.is_none() && bytes.trim_ascii().is_empty() {
            return;
        }
        idle.store(false, Ordering::SeqCst);
        let Some(invocation) = invocation else {
            let _ = stray.write(bytes);
            stray.flush();
            if let Some(resident) = theirs.upgrade().filter(|resident| resident.ready.load(Ordering::SeqCst)) {
                resident.setup.meter.stop(Stop::Dropped);
            }
            return;
        };
        let line = Line::of(current.shared.instance, invocation.number, Kind::Line);
        invocation.push(Line { bytes: Some(bytes), held: Some(Held::Weight(weight)), ..line });
    };
    LineOutlet::new(LINE_BYTES, Box::new(take))
}
