//! wasi:logging into the invocation's log.

use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime::{Result, StoreContextMut};

use crate::ops_api::{Guest, log_line};

/// The package has no release; builds name it with the draft's version or without one.
const NAMES: &[&str] = &["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"];

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by lifting only")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl Level {
    /// As runtime/guest/protocol.ts names levels.
    fn name(self) -> &'static str {
        match self {
            Self::Trace | Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error | Self::Critical => "error",
        }
    }
}

fn log(mut store: StoreContextMut<'_, Guest>, (level, context, message): (Level, String, String)) -> Result<()> {
    let text = if context.is_empty() { message } else { format!("{context}: {message}") };
    let guest = store.data_mut();
    if let Some(invocation) = guest.current.get() {
        invocation.log(level.name(), &text);
        return Ok(());
    }
    let shared = &guest.current.shared;
    guest.bindings.logged_outside += text.len() as u64 + 1;
    if guest.bindings.logged_outside > shared.about.log_bytes {
        guest.meter.exceed_log();
    } else {
        shared.outbox.push(log_line(shared, 0, level.name(), &text));
    }
    Ok(())
}

pub fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    for name in NAMES {
        linker.instance(name)?.func_wrap("log", log)?;
    }
    Ok(())
}
