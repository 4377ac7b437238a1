//! The functions here have the types that the WIT says.

use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::{INTERFACES, add_to_component_linker};
use crate::ops_api::Guest;

const WORLDS: [&str; 2] = [include_str!("imports.wat"), include_str!("imports-older.wat")];

#[test]
fn the_wit_is_what_is_linked() {
    let engine = Engine::default();
    let mut linker = Linker::<Guest>::new(&engine);
    add_to_component_linker(&mut linker).unwrap();
    let mut imported = BTreeSet::new();
    for world in WORLDS {
        let component = Component::new(&engine, world).unwrap();
        linker.instantiate_pre(&component).map(drop).unwrap();
        let kind = component.component_type();
        imported.extend(kind.imports(&engine).map(|(name, _)| name.to_string()));
    }
    assert_eq!(imported, INTERFACES.iter().map(|name| (*name).to_string()).collect());
}

#[test]
fn other_types_are_not_linked() {
    let engine = Engine::default();
    let mut linker = Linker::<Guest>::new(&engine);
    add_to_component_linker(&mut linker).unwrap();
    let other = r#"(component (import "wasi:config/store@0.2.0-draft" (instance
        (export "get" (func (param "key" string) (result string))))))"#;
    assert!(linker.instantiate_pre(&Component::new(&engine, other).unwrap()).is_err());
}
