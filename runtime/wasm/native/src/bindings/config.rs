//! wasi:config over the function's vars, secrets among them.

use wasmtime::component::{ComponentType, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

use crate::ops_api::Guest;

/// `runtime` is what `store` was called before; they differ in nothing else.
const NAMES: &[&str] =
    &["wasi:config/store@0.2.0-rc.1", "wasi:config/store@0.2.0-draft", "wasi:config/runtime@0.2.0-draft"];

/// Never happens here: the vars are in memory.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the interface has it")]
enum ConfigError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

type Found<T> = Result<(std::result::Result<T, ConfigError>,)>;

fn get(store: StoreContextMut<'_, Guest>, (key,): (String,)) -> Found<Option<String>> {
    Ok((Ok(store.data().current.shared.about.vars.get(&key).cloned()),))
}

fn get_all(store: StoreContextMut<'_, Guest>, (): ()) -> Found<Vec<(String, String)>> {
    let vars = &store.data().current.shared.about.vars;
    Ok((Ok(vars.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),))
}

pub fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    for name in NAMES {
        let mut instance = linker.instance(name)?;
        instance.func_wrap("get", get)?;
        instance.func_wrap("get-all", get_all)?;
    }
    Ok(())
}
