//! How guests fail, as the host is told.

use serde_json::json;
use wasmtime::{Error, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::limiter::Account;
use crate::lines::LineTooLong;
use crate::meter::{Metered, Stop};

/// What a `Z` line says.
#[derive(Debug, Clone)]
pub struct Thrown {
    pub name: String,
    pub message: String,
    pub stack: Option<String>,
    /// `startup`, `handler` or `result`.
    pub phase: &'static str,
}

impl Thrown {
    pub fn new(name: &str, message: impl Into<String>, phase: &'static str) -> Self {
        Self { name: name.into(), message: message.into(), stack: None, phase }
    }

    /// What an error of Wasmtime means: a trap, an exit, or something of ours.
    pub fn from_error(error: &Error, phase: &'static str) -> Self {
        if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
            return Self::new("Error", format!("The program ended with exit code {code}"), phase);
        }
        if let Some(too_long) = error.downcast_ref::<LineTooLong>() {
            return Self::new("RangeError", too_long.to_string(), "result");
        }
        let thrown = match error.downcast_ref::<Trap>() {
            Some(trap) => Self::new("WebAssembly.Trap", trap.to_string().replace("wasm trap: ", ""), phase),
            None => Self::new("Error", error.root_cause().to_string(), phase),
        };
        match error.downcast_ref::<WasmBacktrace>() {
            // As in JavaScript, a stack begins with what it is the stack of.
            Some(trace) => Self { stack: Some(format!("{}: {}\n{trace}", thrown.name, thrown.message)), ..thrown },
            None => thrown,
        }
    }

    pub fn with_stack(mut self, stack: String) -> Self {
        if self.stack.is_none() && !stack.is_empty() {
            self.stack = Some(stack);
        }
        self
    }

    pub fn json(&self) -> String {
        json!([self.name, self.message, self.stack, self.phase]).to_string()
    }
}

/// Why a run gave no value.
#[derive(Debug)]
pub enum Ending {
    /// Nobody is told.
    Silent,
    /// An EndCause that is not `finished`, and what a panic of ours said.
    Cause(&'static str, Option<Thrown>),
    /// The guest failed by itself.
    Threw(Thrown),
}

/// What became of a metered run.
pub fn judge<T>(outcome: Metered<Result<T, Thrown>>, account: &Account) -> Result<T, Ending> {
    match outcome {
        Metered::Done(Ok(value)) => Ok(value),
        Metered::Done(Err(_)) if account.denied() => Err(Ending::Cause("memoryMb", None)),
        Metered::Done(Err(thrown)) => Err(Ending::Threw(thrown)),
        Metered::Stopped(Stop::Dropped) => Err(Ending::Silent),
        Metered::Stopped(Stop::Cpu) => Err(Ending::Cause("cpuMs", None)),
        Metered::Stopped(Stop::Log) => Err(Ending::Cause("logBytes", None)),
        Metered::Stopped(Stop::Unloaded) => Err(Ending::Cause("instance", None)),
        Metered::Panicked(text) => {
            let thrown = Thrown::new("Error", format!("The engine failed: {text}"), "handler");
            Err(Ending::Cause("instance", Some(thrown)))
        }
    }
}
