//! Methods of wasi:keyvalue/store.bucket.

use bytes::Bytes;
use wasmtime::Result;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource};

use super::{Bucket, Outcome, Store, StoreError, kv, to_list};
use crate::bindings::kv::{Kv, MOST_VALUE_BYTES, Page};
use crate::ops_api::Guest;

#[derive(ComponentType, Lower)]
#[component(record)]
struct PageByText {
    keys: Vec<String>,
    cursor: Option<String>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct PageByNumber {
    keys: Vec<String>,
    cursor: Option<u64>,
}

pub fn add_to_instance(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async(
        "[method]bucket.get",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let found = kv(&mut store, &bucket)?.get(&key, MOST_VALUE_BYTES).await;
                Ok((found.map(|found| found.value.map(to_list)).map_err(StoreError::from),))
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]bucket.set",
        |mut store: Store<'_>, (bucket, key, value): (Resource<Bucket>, String, Vec<u8>)| {
            Box::new(async move {
                let done = kv(&mut store, &bucket)?.put(&key, Bytes::from(value)).await;
                Ok((done.map_err(StoreError::from),))
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]bucket.delete",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let done = kv(&mut store, &bucket)?.delete(&key).await;
                Ok((done.map_err(StoreError::from),))
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]bucket.exists",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let there = kv(&mut store, &bucket)?.exists(&key).await;
                Ok((there.map_err(StoreError::from),))
            })
        },
    )
}

pub fn add_list_by_text(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async(
        "[method]bucket.list-keys",
        |mut store: Store<'_>, (bucket, cursor): (Resource<Bucket>, Option<String>)| {
            Box::new(async move {
                let page = kv(&mut store, &bucket)?.list(cursor.as_deref()).await;
                let page = page.map(|Page { keys, cursor }| PageByText { keys, cursor });
                Ok((page.map_err(StoreError::from),))
            })
        },
    )
}

pub fn add_list_by_number(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap_async(
        "[method]bucket.list-keys",
        |mut store: Store<'_>, (bucket, cursor): (Resource<Bucket>, Option<u64>)| {
            Box::new(async move {
                let kv = kv(&mut store, &bucket)?;
                Ok((list_from(&kv, cursor.unwrap_or(0)).await,))
            })
        },
    )
}

/// The page after the first `skipped` keys. The host names pages by keys and not by numbers, so the pages before are
/// read again; nothing is kept between calls, which may be requests apart.
async fn list_from(kv: &Kv, skipped: u64) -> Outcome<PageByNumber> {
    let mut page = kv.list(None).await?;
    let mut seen = page.keys.len() as u64;
    while seen <= skipped
        && let Some(cursor) = &page.cursor
    {
        page = kv.list(Some(cursor)).await?;
        seen += page.keys.len() as u64;
    }
    let before = skipped.saturating_sub(seen - page.keys.len() as u64);
    let keys = page.keys.split_off(usize::try_from(before).unwrap_or(usize::MAX).min(page.keys.len()));
    Ok(PageByNumber { keys, cursor: page.cursor.map(|_| seen) })
}

#[cfg(test)]
mod tests {
    use futures::future::join;
    use serde_json::{Value, json};

    use super::*;
    use crate::ops::testing::{Host, run};

    /// Answers pages of "a", "b" and "c", "d"; gives the cursors asked for.
    async fn serve(host: &Host, times: usize) -> Vec<Value> {
        let mut asked = Vec::new();
        for _ in 0..times {
            let (op, what, _) = host.operation().await;
            asked.push(what[2]["cursor"].clone());
            host.answer(
                op,
                match asked.last().and_then(Value::as_str) {
                    None => {
                        json!({ "keys": [{ "name": "a" }, { "name": "b" }], "list_complete": false, "cursor": "b" })
                    }
                    Some(_) => json!({ "keys": [{ "name": "c" }, { "name": "d" }], "list_complete": true }),
                },
            );
        }
        asked
    }

    fn list(skipped: u64, times: usize) -> (Vec<String>, Option<u64>, Vec<Value>) {
        let host = Host::new(&["KV"]);
        let kv = Kv { invocation: Some(host.invocation.clone()), binding: "KV".into() };
        let (page, asked) = run(join(list_from(&kv, skipped), serve(&host, times)));
        let PageByNumber { keys, cursor } = page.unwrap();
        (keys, cursor, asked)
    }

    #[test]
    fn a_page_by_number_begins_after_so_many_keys() {
        assert_eq!(list(0, 1), (vec!["a".into(), "b".into()], Some(2), vec![json!(null)]));
        assert_eq!(list(1, 1), (vec!["b".into()], Some(2), vec![json!(null)]));
        assert_eq!(list(2, 2), (vec!["c".into(), "d".into()], None, vec![json!(null), json!("b")]));
        assert_eq!(list(3, 2).0, ["d"]);
        assert_eq!(list(u64::MAX, 2).0, [""; 0]);
    }
}
