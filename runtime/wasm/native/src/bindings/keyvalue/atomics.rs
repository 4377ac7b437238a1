//! wasi:keyvalue/atomics.

use bytes::Bytes;
use wasmtime::Result;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, ResourceType};

use super::{Bucket, Outcome, Store, StoreError, kv, to_list};
use crate::bindings::kv::{Kv, MOST_VALUE_BYTES};
use crate::ops_api::Guest;

/// The resource `cas`: the version a key had when it was made.
struct Cas {
    binding: String,
    key: String,
    version: Option<String>,
}

/// `cas-error` of draft2.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasError {
    #[component(name = "store-error")]
    StoreError(StoreError),
    /// With a handle for the version there is now.
    #[component(name = "cas-failed")]
    CasFailed(Resource<Cas>),
}

pub fn add_unsigned(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async(
        "increment",
        |mut store: Store<'_>, (bucket, key, delta): (Resource<Bucket>, String, u64)| {
            Box::new(async move {
                let kv = kv(&mut store, &bucket)?;
                Ok((increment_unsigned(&kv, &key, delta).await,))
            })
        },
    )
}

async fn increment_unsigned(kv: &Kv, key: &str, delta: u64) -> Outcome<u64> {
    let delta = i64::try_from(delta).map_err(|_| StoreError::Other("The delta is larger than 2^63 - 1".into()))?;
    let sum = kv.increment(key, delta).await?;
    u64::try_from(sum)
        .map_err(|_| StoreError::Other(format!("The sum {sum} is negative; this draft counts upwards from 0")))
}

/// draft2: `increment` with s64, and compare-and-swap.
pub fn add_signed(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async(
        "increment",
        |mut store: Store<'_>, (bucket, key, delta): (Resource<Bucket>, String, i64)| {
            Box::new(async move {
                let sum = kv(&mut store, &bucket)?.increment(&key, delta).await;
                Ok((sum.map_err(StoreError::from),))
            })
        },
    )?;
    instance.resource("cas", ResourceType::host::<Cas>(), |mut store, handle| {
        store.data_mut().table().delete(Resource::<Cas>::new_own(handle))?;
        Ok(())
    })?;
    instance.func_wrap_async(
        "[static]cas.new",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let kv = kv(&mut store, &bucket)?;
                match kv.version(&key).await {
                    Ok(version) => {
                        let cas = Cas { binding: kv.binding, key, version };
                        Ok((Ok(store.data_mut().table().push(cas)?),))
                    }
                    Err(error) => Ok((Err(StoreError::from(error)),)),
                }
            })
        },
    )?;
    instance.func_wrap_async("[method]cas.current", |mut store: Store<'_>, (cas,): (Resource<Cas>,)| {
        Box::new(async move {
            let (kv, key, _) = parts(&mut store, &cas)?;
            // A value written since `new` is given too: `swap` will refuse to overwrite it.
            let found = kv.get(&key, MOST_VALUE_BYTES).await;
            Ok((found.map(|found| found.value.map(to_list)).map_err(StoreError::from),))
        })
    })?;
    instance.func_wrap_async("swap", |mut store: Store<'_>, (cas, value): (Resource<Cas>, Vec<u8>)| {
        Box::new(async move {
            let (kv, key, version) = parts(&mut store, &cas)?;
            store.data_mut().table().delete(cas)?;
            let failure = match swap(&kv, &key, version.as_deref(), Bytes::from(value)).await {
                Ok(None) => return Ok((Ok(()),)),
                Ok(Some(Refused { version })) => {
                    let cas = Cas { binding: kv.binding, key, version };
                    CasError::CasFailed(store.data_mut().table().push(cas)?)
                }
                Err(error) => CasError::StoreError(error),
            };
            Ok((Err(failure),))
        })
    })
}

/// The key has another version than the handle.
struct Refused {
    version: Option<String>,
}

async fn swap(kv: &Kv, key: &str, version: Option<&str>, value: Bytes) -> Outcome<Option<Refused>> {
    if kv.put_if(key, version, value).await? {
        return Ok(None);
    }
    Ok(Some(Refused { version: kv.version(key).await? }))
}

fn parts(store: &mut Store<'_>, cas: &Resource<Cas>) -> Result<(Kv, String, Option<String>)> {
    let invocation = store.data().current.get();
    let Cas { binding, key, version } = store.data_mut().table().get(cas)?;
    Ok((Kv { invocation, binding: binding.clone() }, key.clone(), version.clone()))
}
