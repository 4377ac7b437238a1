//! Stores and their WASI: no network, nothing inherited, `/app` to read, vars as environment.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime_wasi::cli::{StdinStream, StdoutStream};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::bindings;
use crate::limiter::{Account, Limiter};
use crate::load::Loaded;
use crate::logs::LogOutlet;
use crate::meter::{Meter, on_epoch};
use crate::ops_api::{Current, Guest};
use crate::stdout::{Outlet, Stdout};

/// Handles a guest may hold at once: streams, bodies, headers, files.
const MOST_HANDLES: usize = 2_000;
/// The same for those that see a folder: each may be a descriptor of this process.
const MOST_FILES: usize = 256;
/// Bytes one call of a guest may make the host copy.
const HOSTCALL_BYTES: usize = 32 << 20;
/// Bytes of one set of headers, as they lie in memory.
const FIELDS_BYTES: usize = 64 * 1024;
/// Bytes of one call for randomness.
const RANDOM_BYTES: u64 = 1 << 20;

/// What one store is opened with.
#[derive(Clone)]
pub struct Setup {
    pub current: Current,
    pub meter: Arc<Meter>,
    pub account: Arc<Account>,
    pub logs: Logs,
}

impl Setup {
    pub fn new(current: Current, meter: Arc<Meter>) -> Self {
        let logs = Logs {
            out: LogOutlet::new(current.clone(), meter.clone(), "log"),
            err: LogOutlet::new(current.clone(), meter.clone(), "error"),
        };
        Self { current, meter, account: Arc::default(), logs }
    }
}

/// Log outlets of a store; to be flushed when a run ends. A command's standard output is not among them.
#[derive(Clone)]
pub struct Logs {
    out: Arc<LogOutlet>,
    err: Arc<LogOutlet>,
}

impl Logs {
    pub fn flush(&self) {
        self.out.flush();
        self.err.flush();
    }

    /// Logs what was printed and is nobody's answer.
    pub fn print(&self, bytes: Vec<u8>) {
        let _ = self.out.write(bytes.into());
    }

    /// The last lines on standard error.
    pub fn tail(&self) -> String {
        self.err.flush();
        self.err.tail()
    }
}

/// A store with its limits, for a component: what it prints is logged.
pub fn open_component_store(loaded: &Loaded, setup: &Setup) -> wasmtime::Result<Store<Guest>> {
    let mut builder = open_context(loaded, setup, &[])?;
    builder.stdout(Stdout(setup.logs.out.clone()));
    Ok(open_store(loaded, setup, builder.build_p1()))
}

/// What a command has beside its limits.
pub struct Streams<I, O> {
    pub stdin: I,
    pub stdout: O,
    /// Environment variables; these win over the deployment's own.
    pub env: Vec<(String, String)>,
}

/// A store with its limits, for a command.
pub fn open_command_store<I: StdinStream + 'static, O: StdoutStream + 'static>(
    loaded: &Loaded,
    setup: &Setup,
    streams: Streams<I, O>,
) -> wasmtime::Result<Store<Guest>> {
    let mut builder = open_context(loaded, setup, &streams.env)?;
    builder.stdin(streams.stdin).stdout(streams.stdout);
    Ok(open_store(loaded, setup, builder.build_p1()))
}

fn open_context(loaded: &Loaded, setup: &Setup, env: &[(String, String)]) -> wasmtime::Result<WasiCtxBuilder> {
    let mut builder = WasiCtx::builder();
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    // Not on this thread: preview 1 sleeps on a timer by blocking where it may, and nothing stops that.
    builder.allow_blocking_current_thread(false).max_random_size(RANDOM_BYTES);
    builder.args(&loaded.spec.program.args);
    for (name, value) in &loaded.shared.about.vars {
        if !env.iter().any(|(own, _)| own == name) {
            builder.env(name, value);
        }
    }
    builder.envs(env);
    if let Some(folder) = &loaded.spec.folder {
        builder.preopened_dir(folder, "/app", FsPerms::ReadOnly)?;
    }
    builder.stderr(Stdout(setup.logs.err.clone()));
    Ok(builder)
}

/// Streams, futures and tasks of a component.
const MOST_COMPONENT_HANDLES: usize = 10_000;

fn open_store(loaded: &Loaded, setup: &Setup, wasi: WasiP1Ctx) -> Store<Guest> {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS_BYTES);
    let limit = (loaded.spec.limits.memory_mb.max(0.0) * 1_048_576.0) as u64;
    let guest = Guest {
        wasi,
        http,
        limiter: Limiter::new(limit, setup.account.clone(), loaded.gauge.clone()),
        current: setup.current.clone(),
        meter: setup.meter.clone(),
        bindings: bindings::State::new(setup.current.clone()),
    };
    let mut store = Store::new(&loaded.core.engine, guest);
    let handles = if loaded.spec.folder.is_some() { MOST_FILES } else { MOST_HANDLES };
    store.data_mut().table().set_max_capacity(handles);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.set_max_component_handles(MOST_COMPONENT_HANDLES);
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(MOST_COMPONENT_HANDLES);
    }
    store.limiter(|guest| &mut guest.limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(on_epoch);
    store
}
