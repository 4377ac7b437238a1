//! Wasmtime's settings: the same for the process that compiles and for the ones that run, so that artifacts fit.

use std::hash::{DefaultHasher, Hash, Hasher};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use crate::limiter::TABLE_ELEMENTS;

/// Stack of a guest's wasm code, and the whole stack it runs on, host functions included.
const WASM_STACK: usize = 1 << 20;
const ASYNC_STACK: usize = 2 << 20;
/// Bytes of a memory that are zeroed by hand when its slot is used again, instead of given back to the system.
const KEEP_RESIDENT: usize = 128 * 1024;

fn base() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true).memory_init_cow(true);
    config.max_wasm_stack(WASM_STACK).async_stack_size(ASYNC_STACK);
    config.wasm_component_model(true).wasm_component_model_async(true);
    config.wasm_memory64(false).wasm_custom_page_sizes(false);
    config
}

/// The engine of the compiling process.
pub fn compiler() -> Result<Engine> {
    Engine::new(&base())
}

/// What one place for a store has of the pool.
pub const PLACE_MEMORIES: u32 = 2;
pub const PLACE_TABLES: u32 = 8;

/// The engine of a cell.
pub struct Runner {
    pub engine: Engine,
    /// There is a pool.
    pub pooled: bool,
    /// Stores there is room for: as many as were asked for, or fewer.
    pub places: u32,
}

/// With a pool for `slots` stores of up to `memory_mb`, with a smaller one, or with none.
pub fn runner(slots: u32, memory_mb: f64) -> Result<Runner> {
    let memory_bytes = (memory_mb.max(1.0) * 1048576.0) as usize;
    let mut memories = slots.saturating_mul(PLACE_MEMORIES).clamp(8, 4096);
    while memories >= 8 {
        let mut config = base();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(memories, memory_bytes)));
        if let Ok(engine) = Engine::new(&config) {
            return Ok(Runner { engine, pooled: true, places: slots.min(memories / PLACE_MEMORIES) });
        }
        memories /= 2;
    }
    Ok(Runner { engine: Engine::new(&base())?, pooled: false, places: slots })
}

/// A component made of JavaScript has up to 2 memories, 4 tables and 8 core instances.
fn pool(memories: u32, memory_bytes: usize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(memories).max_memory_size(memory_bytes);
    pool.total_tables(memories / PLACE_MEMORIES * PLACE_TABLES).table_elements(TABLE_ELEMENTS);
    pool.total_core_instances(memories * 8).total_component_instances(memories);
    pool.total_stacks(memories * 2);
    pool.max_core_instances_per_component(64).max_memories_per_component(4).max_tables_per_component(32);
    pool.max_memories_per_module(4).max_tables_per_module(16);
    pool.max_core_instance_size(4 << 20).max_component_instance_size(4 << 20);
    pool.linear_memory_keep_resident(KEEP_RESIDENT).table_keep_resident(16 * 1024);
    pool.pagemap_scan(Enabled::Auto);
    pool
}

/// Names everything that compiled code depends on; hex.
pub fn engine_hash(engine: &Engine) -> String {
    let part = |salt: u8| {
        // SipHash with fixed keys: the same in every process of one build.
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        env!("ISLET_SOURCE_HASH").hash(&mut hasher);
        std::env::consts::ARCH.hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", part(0), part(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_artifact_fits_with_and_without_a_pool() {
        let pooled = runner(16, 128.0).unwrap();
        let plain = runner(16, 1e9).unwrap();
        assert!(pooled.pooled && !plain.pooled);
        assert_eq!((pooled.places, plain.places), (16, 16));
        let hash = engine_hash(&compiler().unwrap());
        assert_eq!(engine_hash(&pooled.engine), hash);
        assert_eq!(engine_hash(&plain.engine), hash);
    }
}
