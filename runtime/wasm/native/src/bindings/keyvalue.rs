//! wasi:keyvalue over KV bindings, in both drafts that are about (../../wit/deps): `draft` counts with u64 and has
//! no `cas`; `draft2` counts with s64 and names pages by strings.

mod atomics;
mod batch;
mod bucket;

use bytes::Bytes;
use wasmtime::component::{ComponentType, Linker, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use super::kv::{Kv, resolve};
use crate::ops::OperationError;
use crate::ops_api::Guest;

const DRAFT: &str = "0.2.0-draft";
const DRAFT2: &str = "0.2.0-draft2";

/// `error` of wasi:keyvalue/store.
#[derive(ComponentType, Lower, Debug, Clone, PartialEq, Eq)]
#[component(variant)]
enum StoreError {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    #[expect(dead_code, reason = "the interface has it; whoever sees a store may use it")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

impl From<OperationError> for StoreError {
    fn from(error: OperationError) -> Self {
        Self::Other(match error.code {
            Some(code) => format!("{code}: {}", error.message),
            None => error.message,
        })
    }
}

/// What a function of these interfaces gives: `Ok(())` of the outer result, since nothing here traps.
type Outcome<T> = std::result::Result<T, StoreError>;

/// The resource `bucket`: an env name.
struct Bucket {
    binding: String,
}

type Store<'a> = StoreContextMut<'a, Guest>;

/// The binding behind a bucket, for the invocation at hand. Fails, which traps, only for a handle that is none.
fn kv(store: &mut Store<'_>, bucket: &Resource<Bucket>) -> Result<Kv> {
    let invocation = store.data().current.get();
    let binding = store.data_mut().table().get(bucket)?.binding.clone();
    Ok(Kv { invocation, binding })
}

fn open(mut store: Store<'_>, (identifier,): (String,)) -> Result<(Outcome<Resource<Bucket>>,)> {
    let Some(binding) = resolve(&store.data().current.shared.about.bindings, &identifier) else {
        return Ok((Err(StoreError::NoSuchStore),));
    };
    let bucket = Bucket { binding: binding.to_string() };
    Ok((Ok(store.data_mut().table().push(bucket)?),))
}

fn drop_bucket(mut store: Store<'_>, handle: u32) -> Result<()> {
    store.data_mut().table().delete(Resource::<Bucket>::new_own(handle))?;
    Ok(())
}

/// Every version of every interface.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    for version in [DRAFT, DRAFT2] {
        let mut store = linker.instance(&format!("wasi:keyvalue/store@{version}"))?;
        store.resource("bucket", ResourceType::host::<Bucket>(), drop_bucket)?;
        store.func_wrap("open", open)?;
        bucket::add_to_instance(&mut store)?;
    }
    bucket::add_list_by_number(&mut linker.instance(&format!("wasi:keyvalue/store@{DRAFT}"))?)?;
    bucket::add_list_by_text(&mut linker.instance(&format!("wasi:keyvalue/store@{DRAFT2}"))?)?;
    atomics::add_unsigned(&mut linker.instance(&format!("wasi:keyvalue/atomics@{DRAFT}"))?)?;
    atomics::add_signed(&mut linker.instance(&format!("wasi:keyvalue/atomics@{DRAFT2}"))?)?;
    batch::add_pairs_or_none(&mut linker.instance(&format!("wasi:keyvalue/batch@{DRAFT}"))?)?;
    batch::add_pairs_with_none(&mut linker.instance(&format!("wasi:keyvalue/batch@{DRAFT2}"))?)
}

fn to_list(bytes: Bytes) -> Vec<u8> {
    bytes.into()
}
