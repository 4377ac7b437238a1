//! The programs of one instance: who runs what, and when one comes or goes.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::failure::{Ending, Thrown};
use crate::live::Live;
use crate::load::{Loaded, Refused, bound_start};
use crate::meter::Stop;
use crate::outbox::{Kind, Line};
use crate::places::Place;
use crate::resident::{Ready, Resident, assign, lock, run};

/// Programs of one instance at once.
const MOST: usize = 8;
/// One beyond the first goes when it was idle for this long.
const IDLE: Duration = Duration::from_secs(30);
const OUT_OF_STEP: &str = "The program printed a line while it was to wait for one";
/// Starts that fail in a row before the instance is given up.
const FAILURES: u32 = 3;

#[derive(Default)]
struct State {
    all: Vec<Arc<Resident>>,
    queue: VecDeque<Arc<Live>>,
    failures: u32,
    stopped: bool,
}

#[derive(Default)]
pub struct Residents {
    state: Mutex<State>,
}

impl Residents {
    /// Starts the first one; done when it waits for its first line.
    pub async fn first(self: &Arc<Self>, loaded: &Arc<Loaded>) -> Result<(), Refused> {
        let place = loaded.place().await;
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = lock(&self.state);
            if state.stopped {
                return Err(Refused::from_ending(Ending::Silent));
            }
            self.start_one(loaded, place, Some(sender), &mut state);
        }
        receiver.await.unwrap_or_else(|_| Err(Refused::crashed("The program was stopped while it started")))
    }

    pub fn begin(self: &Arc<Self>, loaded: &Arc<Loaded>, live: Arc<Live>, line: Bytes) {
        lock(&live.seat).lines.push(line);
        let mut state = lock(&self.state);
        state.queue.push_back(live);
        self.schedule(loaded, &mut state);
    }

    /// One more line for the program that runs `live`.
    pub fn line(&self, live: &Live, line: Bytes) {
        let mut seat = lock(&live.seat);
        match &seat.resident {
            Some(resident) => resident.write(&line),
            None => seat.lines.push(line),
        }
    }

    /// `live` is answered: its program is free.
    pub fn finish(self: &Arc<Self>, loaded: &Arc<Loaded>, live: &Arc<Live>) {
        let Some(resident) = lock(&live.seat).resident.take() else { return };
        resident.setup.logs.flush();
        resident.setup.current.set(None);
        loaded.core.end(live, "finished");
        lock(&resident.busy).take();
        let mut state = lock(&self.state);
        resident.check();
        self.schedule(loaded, &mut state);
        if state.all.len() > 1 && resident.is_free() {
            self.retire_later(loaded, resident);
        }
    }

    /// One idle program goes, where it has siblings. True when there was one.
    pub fn shed(&self) -> bool {
        let state = lock(&self.state);
        let idle = state.all.iter().filter(|_| state.all.len() > 1).find(|resident| resident.is_free());
        if let Some(resident) = idle {
            resident.setup.meter.stop(Stop::Dropped);
        }
        idle.is_some()
    }

    /// All of them go.
    pub fn stop(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        state.queue.clear();
        for resident in &state.all {
            resident.setup.meter.stop(Stop::Unloaded);
        }
    }

    /// Gives who waits to who is free, and starts one more where that is not enough.
    fn schedule(self: &Arc<Self>, loaded: &Arc<Loaded>, state: &mut State) {
        state.queue.retain(|live| !live.invocation.is_over());
        while !state.queue.is_empty() {
            let Some(resident) = state.all.iter().find(|resident| resident.is_free()) else { break };
            if let Some(live) = state.queue.pop_front() {
                assign(loaded, resident, live);
            }
        }
        let starting = state
            .all
            .iter()
            .filter(|resident| !resident.ready.load(Ordering::SeqCst) || (resident.is_between() && !resident.is_free()))
            .count();
        if state.stopped || state.queue.len() <= starting || state.all.len() >= MOST {
            return;
        }
        match loaded.core.slots.free(loaded.shared.instance, loaded.code.weight) {
            Some(place) => self.start_one(loaded, place, None, state),
            // With none at all, somebody has to wait for a slot.
            None if state.all.is_empty() => self.start_when_possible(loaded),
            None => {}
        }
    }

    fn start_when_possible(self: &Arc<Self>, loaded: &Arc<Loaded>) {
        let (mine, loaded) = (self.clone(), loaded.clone());
        let handle = loaded.core.handle.clone();
        handle.spawn(async move {
            let place = loaded.place().await;
            let mut state = lock(&mine.state);
            if !state.queue.is_empty() && state.all.is_empty() && !state.stopped {
                mine.start_one(&loaded, place, None, &mut state);
            }
        });
    }

    fn start_one(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        place: Place,
        ready: Option<oneshot::Sender<Result<(), Refused>>>,
        state: &mut State,
    ) {
        let resident = Resident::new(loaded);
        state.all.push(resident.clone());
        let ready: Ready = Arc::new(Mutex::new(ready));
        self.watch(loaded, &resident, &ready);
        let started = resident.clone();
        bound_start(&loaded.core, &resident.setup.meter, move || started.ready.load(Ordering::SeqCst));
        loaded.core.handle.spawn(run(self.clone(), loaded.clone(), resident, place, ready));
    }

    /// The first time the program waits for a line, it is ready.
    fn watch(self: &Arc<Self>, loaded: &Arc<Loaded>, resident: &Arc<Resident>, ready: &Ready) {
        let (mine, loaded) = (Arc::downgrade(self), Arc::downgrade(loaded));
        let (theirs, ready) = (Arc::downgrade(resident), ready.clone());
        resident.stdin.on_starving(Box::new(move || {
            let (Some(mine), Some(loaded), Some(resident)) = (mine.upgrade(), loaded.upgrade(), theirs.upgrade())
            else {
                return;
            };
            // One that looks again and again is told once, unless it has begun a line since.
            if resident.idle.swap(true, Ordering::SeqCst) && !resident.is_within_line() {
                return;
            }
            if !resident.ready.swap(true, Ordering::SeqCst) {
                resident.started();
                if let Some(sender) = lock(&ready).take() {
                    let _ = sender.send(Ok(()));
                }
            }
            // Not here: this runs under the lock of its standard input.
            let handle = loaded.core.handle.clone();
            handle.spawn(async move {
                let mut state = lock(&mine.state);
                resident.check();
                state.failures = 0;
                mine.schedule(&loaded, &mut state);
            });
        }));
    }

    fn retire_later(self: &Arc<Self>, loaded: &Arc<Loaded>, resident: Arc<Resident>) {
        let mine = Arc::downgrade(self);
        let turn = resident.turns.load(Ordering::SeqCst);
        let theirs = Arc::downgrade(&resident);
        loaded.core.handle.spawn(async move {
            tokio::time::sleep(IDLE).await;
            let (Some(mine), Some(resident)) = (mine.upgrade(), theirs.upgrade()) else { return };
            let state = lock(&mine.state);
            if state.all.len() > 1 && resident.turns.load(Ordering::SeqCst) == turn && resident.is_free() {
                resident.setup.meter.stop(Stop::Dropped);
            }
        });
    }

    /// A program is gone, for whatever reason.
    pub fn gone(self: &Arc<Self>, loaded: &Arc<Loaded>, resident: &Arc<Resident>, ending: Ending, ready: &Ready) {
        resident.setup.logs.flush();
        resident.setup.current.set(None);
        let mut state = lock(&self.state);
        state.all.retain(|other| !Arc::ptr_eq(other, resident));
        let live = lock(&resident.busy).take();
        let was_ready = resident.ready.load(Ordering::SeqCst);
        if let Some(live) = live {
            self.abandoned(loaded, resident, (live, ending), &mut state);
        } else if let Some(ready) = lock(ready).take() {
            let _ = ready.send(Err(Refused::from_ending(ending)));
            return;
        } else if !was_ready {
            self.start_failed(loaded, ending, &mut state);
        }
        self.schedule(loaded, &mut state);
    }

    /// `live` was given to a program that is gone: another one takes it, once, where this one has not read a byte of it.
    fn abandoned(
        &self,
        loaded: &Arc<Loaded>,
        resident: &Resident,
        (live, ending): (Arc<Live>, Ending),
        state: &mut State,
    ) {
        let mut seat = lock(&live.seat);
        seat.resident = None;
        let over = live.invocation.is_over();
        let by_itself = matches!(ending, Ending::Silent | Ending::Threw(_));
        if by_itself && !over && !state.stopped && !seat.passed_over && resident.is_unread() {
            seat.passed_over = true;
            let mut lines = resident.stdin.take_back();
            lines.append(&mut seat.lines);
            seat.lines = lines;
            drop(seat);
            state.queue.push_front(live);
            return;
        }
        drop(seat);
        let ending = match ending {
            Ending::Silent if !over => Ending::Threw(Thrown::new("Error", OUT_OF_STEP, "handler")),
            other => other,
        };
        loaded.core.fail(&live, ending);
    }

    /// One that was to help could not start: with none left, who waits for it has no answer to expect.
    fn start_failed(&self, loaded: &Arc<Loaded>, ending: Ending, state: &mut State) {
        state.failures += 1;
        let hopeless = state.all.is_empty() || state.failures >= FAILURES;
        if let Some(live) = hopeless.then(|| state.queue.pop_front()).flatten() {
            let ending = match ending {
                // cpuMs is the invocation's own limit.
                Ending::Cause("cpuMs", None) => {
                    Ending::Threw(Thrown::new("Error", "Starting the program went over startupCpuMs", "startup"))
                }
                Ending::Threw(thrown) => Ending::Threw(Thrown { phase: "startup", ..thrown }),
                other => other,
            };
            loaded.core.fail(&live, ending);
        }
        if state.failures == FAILURES {
            loaded.shared.outbox.push(Line::of(loaded.shared.instance, 0, Kind::Unhealthy));
        }
    }
}
