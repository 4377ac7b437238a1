//! Places for live stores: handed out in the order of asking, and never all of them to one instance.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::channel::oneshot;

struct Waiter {
    instance: u32,
    weight: u32,
    told: oneshot::Sender<Place>,
}

struct State {
    free: u32,
    /// By instance; none that holds none.
    held: HashMap<u32, u32>,
    queue: VecDeque<Waiter>,
    closed: bool,
}

pub struct Places {
    state: Mutex<State>,
    total: u32,
    /// Of one instance: a quarter stays for the others, where that is a place at all.
    most: u32,
}

/// What asking gave.
pub enum Ticket {
    Ready(Place),
    Waiting(Turn),
}

/// A turn in the queue; given up when dropped.
pub struct Turn {
    places: Arc<Places>,
    place: oneshot::Receiver<Place>,
}

impl Future for Turn {
    /// None: nobody gets a place any more.
    type Output = Option<Place>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Place>> {
        Pin::new(&mut self.place).poll(cx).map(Result::ok)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.place.close();
        // One that came meanwhile goes back; and others may be next now.
        let unused = self.place.try_recv();
        drop(unused);
        let mut state = self.places.state();
        self.places.grant(&mut state);
    }
}

impl Places {
    pub fn new(total: u32) -> Arc<Self> {
        let total = total.max(1);
        let state = State { free: total, held: HashMap::new(), queue: VecDeque::new(), closed: false };
        Arc::new(Self { state: Mutex::new(state), total, most: total - total / 4 })
    }

    /// Asks for `weight` places at once: whoever asks first is served first, but for instances that hold all they may.
    pub fn queue(self: &Arc<Self>, instance: u32, weight: u32) -> Ticket {
        let weight = weight.clamp(1, self.total);
        let (told, mut place) = oneshot::channel();
        let mut state = self.state();
        if !state.closed {
            state.queue.push_back(Waiter { instance, weight, told });
            self.grant(&mut state);
        }
        drop(state);
        match place.try_recv() {
            Ok(Some(place)) => Ticket::Ready(place),
            _ => Ticket::Waiting(Turn { places: self.clone(), place }),
        }
    }

    /// Places that are free now and that nobody waits for.
    pub fn take_free(self: &Arc<Self>, instance: u32, weight: u32) -> Option<Place> {
        match self.queue(instance, weight) {
            Ticket::Ready(place) => Some(place),
            Ticket::Waiting(_) => None,
        }
    }

    pub fn has_waiters(&self) -> bool {
        self.state().queue.iter().any(|waiter| !waiter.told.is_canceled())
    }

    /// More than half of the places are free.
    pub fn is_roomy(&self) -> bool {
        self.state().free > self.total / 2
    }

    /// Nobody gets a place any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.queue.clear();
    }

    fn grant(self: &Arc<Self>, state: &mut State) {
        let mut at = 0;
        while let Some(waiter) = state.queue.get(at) {
            if waiter.told.is_canceled() {
                state.queue.remove(at);
                continue;
            }
            let (instance, weight) = (waiter.instance, waiter.weight);
            let held = state.held.get(&instance).copied().unwrap_or(0);
            if held > 0 && held + weight > self.most {
                at += 1;
                continue;
            }
            // Nobody overtakes the one whose turn it is.
            if weight > state.free {
                return;
            }
            let Some(waiter) = state.queue.remove(at) else { return };
            let place = Place { places: self.clone(), instance, weight };
            match waiter.told.send(place) {
                Ok(()) => state.take(instance, weight),
                // Not dropped: that would give back what was not taken.
                Err(place) => place.forget(),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, instance: u32, weight: u32) {
        self.free -= weight;
        *self.held.entry(instance).or_default() += weight;
    }

    fn give_back(&mut self, instance: u32, weight: u32) {
        self.free += weight;
        if let Some(held) = self.held.get_mut(&instance) {
            *held -= weight;
            if *held == 0 {
                self.held.remove(&instance);
            }
        }
    }
}

/// Given back when dropped.
pub struct Place {
    places: Arc<Places>,
    instance: u32,
    weight: u32,
}

impl Place {
    fn forget(mut self) {
        self.weight = 0;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.weight == 0 {
            return;
        }
        let mut state = self.places.state();
        state.give_back(self.instance, self.weight);
        self.places.grant(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(ticket: &mut Ticket) -> bool {
        match ticket {
            Ticket::Ready(_) => true,
            Ticket::Waiting(turn) => match turn.place.try_recv() {
                Ok(Some(place)) => {
                    *ticket = Ticket::Ready(place);
                    true
                }
                _ => false,
            },
        }
    }

    #[test]
    fn who_asks_first_is_served_first() {
        let places = Places::new(1);
        let first = places.queue(1, 1);
        let (mut second, third, mut fourth) = (places.queue(1, 1), places.queue(1, 1), places.queue(2, 1));
        assert!(places.has_waiters() && places.take_free(3, 1).is_none());
        drop(third);
        drop(first);
        assert!(arrived(&mut second) && !arrived(&mut fourth));
        drop(second);
        assert!(arrived(&mut fourth));
        drop(fourth);
        assert!(!places.has_waiters() && places.take_free(3, 1).is_some());
    }

    #[test]
    fn one_instance_leaves_a_quarter_to_the_others() {
        let places = Places::new(8);
        let mut hog: Vec<Ticket> = (0..7).map(|_| places.queue(1, 1)).collect();
        assert_eq!(hog.iter_mut().map(arrived).filter(|arrived| *arrived).count(), 6);
        let mut other = places.queue(2, 1);
        assert!(arrived(&mut other), "one that holds all it may is passed by");
        hog.swap_remove(0);
        assert_eq!(hog.iter_mut().map(arrived).filter(|arrived| *arrived).count(), 6);
    }

    #[test]
    fn one_that_needs_more_is_not_overtaken() {
        let places = Places::new(4);
        let held: Vec<Ticket> = (1..=4).map(|instance| places.queue(instance, 1)).collect();
        let (mut large, mut small) = (places.queue(5, 3), places.queue(6, 1));
        let mut held = held.into_iter();
        held.next();
        assert!(!arrived(&mut large) && !arrived(&mut small));
        held.nth(1);
        assert!(arrived(&mut large) && !arrived(&mut small));
        drop(large);
        assert!(arrived(&mut small));
    }

    #[test]
    fn one_that_gives_up_lets_the_next_go() {
        let places = Places::new(2);
        let _held = places.queue(1, 1);
        let (large, mut small) = (places.queue(2, 2), places.queue(3, 1));
        assert!(!arrived(&mut small));
        drop(large);
        assert!(arrived(&mut small));
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        let places = Places::new(2);
        let mut all = places.queue(1, 9);
        assert!(arrived(&mut all) && places.take_free(2, 1).is_none());
        places.close();
        assert!(!arrived(&mut places.queue(2, 1)));
    }
}
