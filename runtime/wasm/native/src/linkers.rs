//! What guests may import.

use wasmtime::{Engine, ExternType, Linker, Module, Result, Store, bail, component};

use crate::bindings;
use crate::ops_api::Guest;

/// Modules whose functions trap when they are called: Ruby's build imports a JavaScript host's, a plain handler never
/// calls them, and host/deploy/languages renames what else it imports of that kind to this.
const TRAPPING: &[&str] = &["rb-js-abi-host"];

/// Packages of WASI that are linked, wasi:http among them, without version; the linker itself knows the versions.
const WASI: &[&str] =
    &["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];

pub struct Linkers {
    pub component: component::Linker<Guest>,
    pub command: Linker<Guest>,
}

impl Linkers {
    pub fn new(engine: &Engine) -> Result<Self> {
        let mut component = component::Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut component)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut component)?;
        wasmtime_wasi::p3::add_to_linker(&mut component)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut component)?;
        bindings::add_to_component_linker(&mut component)?;
        let mut command = Linker::new(engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut command, |guest: &mut Guest| &mut guest.wasi)?;
        bindings::add_to_module_linker(&mut command)?;
        Ok(Self { component, command })
    }

    /// The linker for one module: with the trapping functions it names.
    pub fn for_command(&self, module: &Module) -> Result<Linker<Guest>> {
        let mut linker = self.command.clone();
        for import in module.imports() {
            if let (true, ExternType::Func(ty)) = (TRAPPING.contains(&import.module()), import.ty()) {
                let name = format!("{}::{}", import.module(), import.name());
                linker.func_new(import.module(), import.name(), ty, move |_, _, _| {
                    bail!("{name} was called: there is no JavaScript around this guest")
                })?;
            }
        }
        Ok(linker)
    }
}

/// Imports of a command that nothing satisfies, `module::name`.
pub fn missing_of_command(linker: &Linker<Guest>, store: &mut Store<Guest>, module: &Module) -> Vec<String> {
    let mut missing = Vec::new();
    for import in module.imports() {
        if linker.get_by_import(&mut *store, &import).is_none() {
            missing.push(format!("{}::{}", import.module(), import.name()));
        }
    }
    missing
}

/// Imports of a component that nothing satisfies, as the component names them.
pub fn missing_of_component(engine: &Engine, component: &component::Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(engine).map(|(name, _)| name.to_string()).filter(|name| !is_known(name)).collect()
}

/// By package for WASI (the linker says what within is missing), by interface and exact version for bindings.
fn is_known(name: &str) -> bool {
    let package = name.split('/').next().unwrap_or(name);
    WASI.contains(&package) || bindings::INTERFACES.contains(&name)
}
