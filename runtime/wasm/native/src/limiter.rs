//! memoryMb for one store: linear memories and tables together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::{Error, ResourceLimiter, Result};

/// What one element of a table takes in Wasmtime.
const ELEMENT_BYTES: usize = 8;
/// The longest table: what a slot of the pool holds.
pub const TABLE_ELEMENTS: usize = 1 << 18;
/// Of one store; a pool slot holds fewer, so these bind only where there is no pool.
const MOST_MEMORIES: usize = 16;
const MOST_TABLES: usize = 64;
const MOST_INSTANCES: usize = 128;

/// Of all stores of an instance at once, or memoryMb where that is more: a cell is given up at 2.5 GB of RSS, which one
/// function must not be able to bring about. 96 stores of 16 MB, as JavaScript components have them, are that much.
const INSTANCE_BYTES: u64 = 3 << 29;

/// Bytes of all live stores of a loaded instance.
pub type Gauge = Arc<AtomicU64>;

/// What one store uses; outlives it, so that the end of a store that is gone can be told.
#[derive(Default)]
pub struct Account {
    used: AtomicU64,
    peak: AtomicU64,
    denied: AtomicBool,
}

impl Account {
    /// Most bytes at once since the last `begin`.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// True when the guest was refused memory since the last `begin`.
    pub fn denied(&self) -> bool {
        self.denied.load(Ordering::Relaxed)
    }

    /// A new invocation on a store that lives on.
    pub fn begin(&self) {
        self.peak.store(self.used.load(Ordering::Relaxed), Ordering::Relaxed);
        self.denied.store(false, Ordering::Relaxed);
    }
}

pub struct Limiter {
    limit: u64,
    last: u64,
    account: Arc<Account>,
    gauge: Gauge,
}

impl Limiter {
    /// `limit` in bytes.
    pub fn new(limit: u64, account: Arc<Account>, gauge: Gauge) -> Self {
        Self { limit, last: 0, account, gauge }
    }

    /// False; remembered where our limit would not have allowed it either.
    fn deny_beyond_limit(&self, current: usize, desired: usize, unit: usize) -> bool {
        let delta = (desired.saturating_sub(current) as u64).saturating_mul(unit as u64);
        if self.account.used.load(Ordering::Relaxed).saturating_add(delta) > self.limit {
            self.account.denied.store(true, Ordering::Relaxed);
        }
        false
    }

    fn grow(&mut self, current: usize, desired: usize, unit: usize) -> bool {
        let delta = (desired.saturating_sub(current) as u64).saturating_mul(unit as u64);
        let used = self.account.used.load(Ordering::Relaxed).saturating_add(delta);
        let most = self.limit.max(INSTANCE_BYTES);
        let within = |all: u64| all.checked_add(delta).filter(|all| *all <= most);
        if used > self.limit || self.gauge.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_err() {
            self.account.denied.store(true, Ordering::Relaxed);
            return false;
        }
        self.account.used.store(used, Ordering::Relaxed);
        self.account.peak.fetch_max(used, Ordering::Relaxed);
        self.last = delta;
        true
    }

    fn undo(&mut self) {
        let delta = std::mem::take(&mut self.last);
        self.account.used.fetch_sub(delta, Ordering::Relaxed);
        self.account.denied.store(true, Ordering::Relaxed);
        self.gauge.fetch_sub(delta, Ordering::Relaxed);
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.gauge.fetch_sub(self.account.used.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        // Beyond its own declared maximum a growth fails for the guest's own reasons; but that the pool has no more
        // comes as a maximum, too.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(self.deny_beyond_limit(current, desired, 1));
        }
        Ok(self.grow(current, desired, 1))
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if desired > TABLE_ELEMENTS {
            self.account.denied.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(self.deny_beyond_limit(current, desired, ELEMENT_BYTES));
        }
        Ok(self.grow(current, desired, ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _error: Error) -> Result<()> {
        self.undo();
        Ok(())
    }

    fn instances(&self) -> usize {
        MOST_INSTANCES
    }

    fn tables(&self) -> usize {
        MOST_TABLES
    }

    fn memories(&self) -> usize {
        MOST_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(limit: u64) -> (Limiter, Arc<Account>, Gauge) {
        let (account, gauge) = (Arc::new(Account::default()), Gauge::default());
        (Limiter::new(limit, account.clone(), gauge.clone()), account, gauge)
    }

    #[test]
    fn memories_and_tables_share_one_limit() {
        let (mut limiter, account, gauge) = limiter(1 << 20);
        assert!(limiter.memory_growing(0, 1 << 19, None).unwrap());
        assert!(limiter.table_growing(0, 1 << 16, None).unwrap());
        assert!(!account.denied());
        assert!(!limiter.table_growing(1 << 16, (1 << 16) + 1, None).unwrap());
        assert!(account.denied());
        assert_eq!(account.peak(), 1 << 20);
        drop(limiter);
        assert_eq!(gauge.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_growth_that_failed_is_given_back() {
        let (mut limiter, _, gauge) = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        limiter.memory_grow_failed(Error::msg("no")).unwrap();
        assert_eq!(gauge.load(Ordering::Relaxed), 0);
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn a_declared_maximum_is_not_our_refusal() {
        let (mut limiter, account, _) = limiter(1000);
        assert!(!limiter.memory_growing(0, 20, Some(10)).unwrap());
        assert!(!account.denied());
        assert!(!limiter.memory_growing(0, 2000, Some(1000)).unwrap());
        assert!(account.denied());
    }
}
