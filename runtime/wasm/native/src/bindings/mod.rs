//! What guests reach beyond WASI itself. Each file adds its imports to the linkers; the host decides what an
//! invocation may use.

mod config;
mod http_body;
mod http_out;
mod islet;
mod keyvalue;
mod kv;
mod logging;
#[cfg(test)]
mod tests;

use wasmtime::Result;
use wasmtime_wasi_http::WasiHttpHooks;

use crate::ops_api::{Current, Guest};

/// Component imports satisfied here, as a component names them. `wasi:http` itself is the core's.
pub const INTERFACES: &[&str] = &[
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/batch@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/runtime@0.2.0-draft",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:logging/logging",
];

/// What the bindings keep for one store.
pub struct State {
    hooks: http_out::Hooks,
    /// What `islet.call` answered last.
    answered: islet::Answered,
    /// Bytes logged while there was no invocation.
    logged_outside: u64,
}

impl State {
    pub fn new(current: Current) -> Self {
        Self { hooks: http_out::Hooks::new(current), answered: islet::Answered::default(), logged_outside: 0 }
    }

    /// Outgoing requests of wasi:http go through these.
    pub fn hooks(&mut self) -> &mut dyn WasiHttpHooks {
        &mut self.hooks
    }
}

pub fn add_to_component_linker(linker: &mut wasmtime::component::Linker<Guest>) -> Result<()> {
    keyvalue::add_to_linker(linker)?;
    config::add_to_linker(linker)?;
    logging::add_to_linker(linker)
}

pub fn add_to_module_linker(linker: &mut wasmtime::Linker<Guest>) -> Result<()> {
    islet::add_to_linker(linker)
}
