//! Invocations under way, by number: where messages of the host go.

use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;

use crate::limiter::Account;
use crate::ops_api::{Invocation, Routed};
use crate::outflow::Outflow;
use crate::protocol::In;
use crate::resident::Resident;
use crate::stdin::Inbox;

/// What the streams of a call say whose caller went away.
pub const ABANDONED: &str = "The caller went away";

/// One invocation under way.
pub struct Live {
    pub invocation: Arc<Invocation>,
    /// Request body; not for residents.
    pub inbox: Arc<Inbox>,
    pub flow: Arc<Outflow>,
    /// Of the store that runs it, once there is one.
    pub account: OnceLock<Arc<Account>>,
    peak: OnceLock<u64>,
    /// The resident that runs it, and what waits to be written to one.
    pub seat: Mutex<Seat>,
}

#[derive(Default)]
pub struct Seat {
    /// A program went without having read a byte of it.
    pub passed_over: bool,
    pub resident: Option<Arc<Resident>>,
    pub lines: Vec<Bytes>,
}

impl Live {
    pub fn new(invocation: Arc<Invocation>, inbox: Arc<Inbox>) -> Arc<Self> {
        Arc::new(Self {
            invocation,
            inbox,
            flow: Outflow::new(),
            account: OnceLock::new(),
            peak: OnceLock::new(),
            seat: Mutex::default(),
        })
    }

    pub fn instance(&self) -> u32 {
        self.invocation.shared.instance
    }

    /// Bytes of its store.
    pub fn peak(&self) -> u64 {
        self.peak.get().copied().unwrap_or_else(|| self.account.get().map_or(0, |account| account.peak()))
    }

    /// Its store goes to somebody else: what it used stays as it is.
    pub fn settle(&self) {
        let _ = self.peak.set(self.peak());
    }

    /// Hands a later message to whom it is for.
    pub fn message(&self, message: In) {
        let answer_of = |stream: u32| (stream >= 3 && stream % 2 == 1).then(|| stream - 1);
        match message {
            In::Chunk(0, bytes) => self.inbox.push(bytes),
            In::End(0) => self.inbox.end(),
            In::Fail(0, message) => self.inbox.fail(message),
            In::Credit(1, bytes) => self.flow.grant(bytes),
            In::Cancel(1) => self.flow.cancel(),
            In::Chunk(stream, bytes) => self.route(answer_of(stream), Routed::Chunk(bytes)),
            In::End(stream) => self.route(answer_of(stream), Routed::End),
            In::Fail(stream, message) => self.route(answer_of(stream), Routed::Fail(message)),
            In::Credit(stream, bytes) => self.route(Some(stream), Routed::Credit(bytes)),
            In::Cancel(stream) => self.route(Some(stream), Routed::Cancel),
            In::Answer { op, ok, value, bytes, streamed } => {
                self.route(Some(op), Routed::Answer { ok, value, bytes, streamed });
            }
            // These guests have no signal to hear: their streams break, and their limits stay.
            In::Abort => {
                self.inbox.fail(ABANDONED.into());
                self.flow.cancel();
            }
            In::Request(..) | In::Event(_) | In::Other => {}
        }
    }

    fn route(&self, op: Option<u32>, message: Routed) {
        if let Some(op) = op {
            self.invocation.route(op, message);
        }
    }
}
