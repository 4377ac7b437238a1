//! The KV binding's operations (bindings/kv/README.md) as Rust has them; no WIT in here.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::ops::{OperationError, Payload, Request, call};
use crate::ops_api::{Binding, Invocation};

/// Values the host stores have at most this.
pub const MOST_VALUE_BYTES: usize = 25 * 1024 * 1024;

/// Bytes of a key or a page's name. The host has its own bounds; a guest's memory could hold ones that only fill ours.
const MOST_KEY_BYTES: usize = 4096;

const KIND: &str = "kv";

/// A value and the version it has; `version` None: there is none.
pub struct Found {
    pub value: Option<Bytes>,
    pub version: Option<String>,
}

pub struct Page {
    pub keys: Vec<String>,
    pub cursor: Option<String>,
}

/// One KV binding as one invocation uses it.
pub struct Kv {
    pub invocation: Option<Arc<Invocation>>,
    pub binding: String,
}

/// The env name that `identifier` means: itself, or for "" and "default" the only KV binding there is.
pub fn resolve<'a>(bindings: &'a [Binding], identifier: &str) -> Option<&'a str> {
    let mut all = bindings.iter().filter(|binding| binding.kind == KIND);
    if let Some(named) = all.clone().find(|binding| binding.name == identifier) {
        return Some(&named.name);
    }
    let only = all.next()?;
    let default = identifier.is_empty() || identifier == "default";
    (default && all.next().is_none()).then_some(&only.name)
}

impl Kv {
    /// Refuses a value of more than `most` bytes.
    pub async fn get(&self, key: &str, most: usize) -> Result<Found, OperationError> {
        let (head, bytes) = self.call("get", json!({ "key": key }), Payload::None, most).await?;
        if head.is_null() {
            return Ok(Found { value: None, version: None });
        }
        let version = head.get("version").and_then(Value::as_str).map(str::to_string);
        Ok(Found { value: Some(bytes.unwrap_or_default()), version })
    }

    /// The version alone.
    pub async fn version(&self, key: &str) -> Result<Option<String>, OperationError> {
        Ok(self.get(key, MOST_VALUE_BYTES).await?.version)
    }

    pub async fn put(&self, key: &str, value: Bytes) -> Result<(), OperationError> {
        self.call("put", json!({ "key": key }), Payload::Inline(value), 0).await.map(|_| ())
    }

    /// Writes when the key has this version (None: is absent) still. False: it has not, and nothing was written.
    pub async fn put_if(&self, key: &str, version: Option<&str>, value: Bytes) -> Result<bool, OperationError> {
        let args = json!({ "key": key, "ifVersion": version });
        let (head, _) = self.call("put", args, Payload::Inline(value), 0).await?;
        Ok(head.get("ok").and_then(Value::as_bool).unwrap_or(false))
    }

    pub async fn delete(&self, key: &str) -> Result<(), OperationError> {
        self.call("delete", json!({ "key": key }), Payload::None, 0).await.map(|_| ())
    }

    /// Without reading the value: a key is the first of all that begin with it.
    pub async fn exists(&self, key: &str) -> Result<bool, OperationError> {
        let (head, _) = self.call("list", json!({ "prefix": key, "limit": 1 }), Payload::None, 0).await?;
        Ok(page(&head).keys.first().is_some_and(|first| first == key))
    }

    /// A page of at most 1000 keys.
    pub async fn list(&self, cursor: Option<&str>) -> Result<Page, OperationError> {
        let args = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let (head, _) = self.call("list", args, Payload::None, 0).await?;
        Ok(page(&head))
    }

    /// The sum.
    pub async fn increment(&self, key: &str, delta: i64) -> Result<i64, OperationError> {
        let (head, _) = self.call("increment", json!({ "key": key, "delta": delta }), Payload::None, 0).await?;
        // JavaScript writes integers beyond 2^53 never, but ones like 1e21 could be floats.
        head.get("value").and_then(Value::as_i64).ok_or_else(|| OperationError::new("Error", "The sum is no integer"))
    }

    async fn call(
        &self,
        method: &str,
        args: Value,
        body: Payload,
        most: usize,
    ) -> Result<(Value, Option<Bytes>), OperationError> {
        if let Some(error) = too_large(&args, &body) {
            return Err(error);
        }
        let Some(invocation) = &self.invocation else {
            return Err(OperationError::new("Error", "Bindings are there while a request is handled, not before"));
        };
        call(invocation, Request { binding: &self.binding, method, args: &args, body }, most).await
    }
}

fn too_large(args: &Value, body: &Payload) -> Option<OperationError> {
    let long = |value: &Value| value.as_str().is_some_and(|text| text.len() > MOST_KEY_BYTES);
    let refuse = |code: &str, message: &str| {
        Some(OperationError { code: Some(code.into()), ..OperationError::new("Error", message) })
    };
    if args.as_object().is_some_and(|args| args.values().any(long)) {
        return refuse("ERR_KV_KEY", "The key is too long; use a key of 1 to 512 bytes");
    }
    match body {
        Payload::Inline(bytes) if bytes.len() > MOST_VALUE_BYTES => {
            refuse("ERR_KV_VALUE", "The value is larger than 25 MiB; store at most that")
        }
        _ => None,
    }
}

fn page(head: &Value) -> Page {
    let keys = head.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |key: &Value| key.get("name").and_then(Value::as_str).map(str::to_string);
    let done = head.get("list_complete").and_then(Value::as_bool).unwrap_or(true);
    let cursor = head.get("cursor").and_then(Value::as_str).map(str::to_string);
    Page { keys: keys.iter().filter_map(name).collect(), cursor: cursor.filter(|_| !done) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(names: &[(&str, &str)]) -> Vec<Binding> {
        names.iter().map(|(name, kind)| Binding { name: (*name).into(), kind: (*kind).into() }).collect()
    }

    #[test]
    fn a_store_is_named_by_its_env_name() {
        let all = bindings(&[("A", "kv"), ("B", "kv"), ("C", "queue")]);
        assert_eq!(resolve(&all, "B"), Some("B"));
        assert_eq!(resolve(&all, "C"), None);
        assert_eq!(resolve(&all, "default"), None);
        assert_eq!(resolve(&all, ""), None);
    }

    #[test]
    fn the_only_store_is_the_default_one() {
        let all = bindings(&[("C", "queue"), ("A", "kv")]);
        assert_eq!(resolve(&all, "default"), Some("A"));
        assert_eq!(resolve(&all, ""), Some("A"));
        assert_eq!(resolve(&all, "other"), None);
        assert_eq!(resolve(&[], ""), None);
    }
}
