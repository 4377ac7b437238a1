//! Deploying: from a module's bytes to machine code, or to the reason why not.

use std::sync::Arc;

use wasmparser::{BinaryReaderError, Validator, WasmFeatures};
use wasmtime::component::Component;
use wasmtime::{Engine, ExternType, Linker, Module, Store};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::bindings::State;
use crate::code::proxy_pre;
use crate::limiter::Limiter;
use crate::linkers::{Linkers, missing_of_command, missing_of_component};
use crate::meter::Meter;
use crate::ops_api::{Current, Guest, Shared};
use crate::outbox::Outbox;
use crate::spec::GuestKind;

pub struct Compiled {
    pub guest: GuestKind,
    pub artifact: Vec<u8>,
}

pub struct Refusal {
    /// malformed, unsupported or world.
    pub reason: &'static str,
    pub message: String,
    pub missing: Vec<String>,
}

impl Refusal {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), missing: Vec::new() }
    }

    fn lacks(missing: Vec<String>) -> Self {
        let message = format!("Imports that nothing here satisfies: {}", missing.join(", "));
        Self { reason: "world", message, missing }
    }
}

/// Compiles binary wasm, or text of .wat. Takes seconds and as much memory as it wants: for a process of its own.
pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Compiled, Refusal> {
    let binary = to_binary(bytes)?;
    if is_component(&binary) {
        return compile_component(engine, &binary);
    }
    compile_command(engine, &binary)
}

/// The layer field of the preamble: 0 a module, 1 a component.
fn is_component(binary: &[u8]) -> bool {
    binary.get(6..8) == Some(&[1, 0])
}

fn to_binary(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes)
        .ok()
        .map(str::trim_start)
        .filter(|text| text.starts_with('(') || text.starts_with(";;"));
    let Some(text) = text else {
        return Err(Refusal::new(
            "malformed",
            "This is no WebAssembly: it begins neither with \\0asm nor with text of .wat",
        ));
    };
    wat::parse_str(text).map_err(|error| Refusal::new("malformed", error.to_string()))
}

/// Why Cranelift would not take it: the engine validates first, with the proposals that are on.
fn uncompilable(binary: &[u8], error: &wasmtime::Error) -> Refusal {
    match Validator::new_with_features(WasmFeatures::all()).validate_all(binary) {
        Ok(_) => {
            Refusal::new("unsupported", format!("Cannot compile this, or it uses a proposal that is off: {error:#}"))
        }
        Err(error) => Refusal::new("malformed", malformation(&error)),
    }
}

/// The parser has no kind for it, only these words, whatever section the end is in.
fn malformation(error: &BinaryReaderError) -> String {
    let cut = error.message().contains("unexpected end");
    format!("{}{error}", if cut { "The file is cut off: " } else { "" })
}

fn unlinkable(error: &wasmtime::Error) -> Refusal {
    Refusal::new("unsupported", format!("Cannot link this: {error:#}"))
}

fn compile_component(engine: &Engine, binary: &[u8]) -> Result<Compiled, Refusal> {
    let artifact = engine.precompile_component(binary).map_err(|error| uncompilable(binary, &error))?;
    // SAFETY: bytes that the engine made right now.
    let component = unsafe { Component::deserialize(engine, &artifact) }.map_err(|error| unlinkable(&error))?;
    let missing = missing_of_component(engine, &component);
    if !missing.is_empty() {
        return Err(Refusal::lacks(missing));
    }
    let linkers = Linkers::new(engine).map_err(|error| unlinkable(&error))?;
    let world = |error: wasmtime::Error| Refusal::new("world", format!("{error:#}"));
    let pre = linkers.component.instantiate_pre(&component).map_err(world)?;
    if proxy_pre(pre).is_err() {
        let ty = component.component_type();
        let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
        let message = format!(
            "The component has no HTTP handler: it must export wasi:http/incoming-handler@0.2.x or wasi:http/handler@0.3.x; it exports {}",
            if exports.is_empty() { "nothing".into() } else { exports.join(", ") }
        );
        return Err(Refusal::new("world", message));
    }
    Ok(Compiled { guest: GuestKind::Component, artifact })
}

fn compile_command(engine: &Engine, binary: &[u8]) -> Result<Compiled, Refusal> {
    let artifact = engine.precompile_module(binary).map_err(|error| uncompilable(binary, &error))?;
    // SAFETY: as above.
    let module = unsafe { Module::deserialize(engine, &artifact) }.map_err(|error| unlinkable(&error))?;
    let linkers = Linkers::new(engine).map_err(|error| unlinkable(&error))?;
    let linker = linkers.for_command(&module).map_err(|error| unlinkable(&error))?;
    inspect_command(engine, &linker, &module)?;
    Ok(Compiled { guest: GuestKind::Command, artifact })
}

/// Data of a store that runs nothing.
fn nobody() -> Guest {
    let outbox = Arc::new(Outbox::new(Box::new(|| {})));
    let shared = Shared { instance: 0, about: Arc::default(), outbox };
    let current = Current::new(Arc::new(shared));
    Guest {
        wasi: WasiCtx::builder().build_p1(),
        http: WasiHttpCtx::new(),
        limiter: Limiter::new(0, Arc::default(), Arc::default()),
        current: current.clone(),
        meter: Meter::new(0.0),
        bindings: State::new(current),
    }
}

fn inspect_command(engine: &Engine, linker: &Linker<Guest>, module: &Module) -> Result<(), Refusal> {
    let mut store = Store::new(engine, nobody());
    let missing = missing_of_command(linker, &mut store, module);
    if !missing.is_empty() {
        return Err(Refusal::lacks(missing));
    }
    linker.instantiate_pre(module).map_err(|error| Refusal::new("world", format!("{error:#}")))?;
    let starts = match module.get_export("_start") {
        Some(ExternType::Func(ty)) => ty.params().len() == 0 && ty.results().len() == 0,
        _ => false,
    };
    let memory = matches!(module.get_export("memory"), Some(ExternType::Memory(_)));
    if starts && memory {
        return Ok(());
    }
    let message = if starts {
        "The module exports no memory; a WASI preview 1 command exports \"memory\" and \"_start\""
    } else if module.get_export("_initialize").is_some() {
        "This is a reactor (it exports _initialize); build a command, which exports _start"
    } else {
        "The module is no WASI preview 1 command: it exports no function _start without parameters and results"
    };
    Err(Refusal::new("world", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_cut_off_is_called_so() {
        let whole = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).unwrap();
        let engine = crate::config::compiler().unwrap();
        assert!(compile(&engine, &whole).is_ok());
        for length in [9, whole.len() / 2, whole.len() - 1] {
            let refusal = compile(&engine, &whole[..length]).err().unwrap();
            assert_eq!(refusal.reason, "malformed");
            assert!(refusal.message.starts_with("The file is cut off"), "{}: {}", length, refusal.message);
        }
    }
}
