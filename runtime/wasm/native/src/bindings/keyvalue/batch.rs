//! wasi:keyvalue/batch: one operation a key, each counted as a subrequest.

use bytes::Bytes;
use wasmtime::Result;
use wasmtime::component::{LinkerInstance, Resource};

use super::{Bucket, Outcome, Store, kv, to_list};
use crate::bindings::kv::{Kv, MOST_VALUE_BYTES};
use crate::ops_api::Guest;

/// A key and its value, if it has one.
type Pair = (String, Option<Vec<u8>>);

/// draft: no pair for a key without a value.
pub fn add_pairs_or_none(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async("get-many", |mut store: Store<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move {
            let pairs = get_many(&kv(&mut store, &bucket)?, keys).await;
            let present = |pairs: Vec<Pair>| pairs.into_iter().map(|(key, value)| value.map(|value| (key, value)));
            Ok((pairs.map(|pairs| present(pairs).collect::<Vec<_>>()),))
        })
    })?;
    add_writes(instance)
}

/// draft2: a pair for each key.
pub fn add_pairs_with_none(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async("get-many", |mut store: Store<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move { Ok((get_many(&kv(&mut store, &bucket)?, keys).await,)) })
    })?;
    add_writes(instance)
}

fn add_writes(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async(
        "set-many",
        |mut store: Store<'_>, (bucket, pairs): (Resource<Bucket>, Vec<(String, Vec<u8>)>)| {
            Box::new(async move { Ok((set_many(&kv(&mut store, &bucket)?, pairs).await,)) })
        },
    )?;
    instance.func_wrap_async("delete-many", |mut store: Store<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move { Ok((delete_many(&kv(&mut store, &bucket)?, keys).await,)) })
    })
}

/// All values together have at most what one may have: they are in the host's memory until the guest has them.
async fn get_many(kv: &Kv, keys: Vec<String>) -> Outcome<Vec<Pair>> {
    let mut left = MOST_VALUE_BYTES;
    let mut pairs = Vec::with_capacity(keys.len().min(1000));
    for key in keys {
        let value = kv.get(&key, left).await?.value;
        left = left.saturating_sub(value.as_ref().map_or(0, Bytes::len));
        pairs.push((key, value.map(to_list)));
    }
    Ok(pairs)
}

async fn set_many(kv: &Kv, pairs: Vec<(String, Vec<u8>)>) -> Outcome<()> {
    for (key, value) in pairs {
        kv.put(&key, Bytes::from(value)).await?;
    }
    Ok(())
}

async fn delete_many(kv: &Kv, keys: Vec<String>) -> Outcome<()> {
    for key in keys {
        kv.delete(&key).await?;
    }
    Ok(())
}
