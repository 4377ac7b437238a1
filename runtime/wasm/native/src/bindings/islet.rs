//! Imports named `islet`, for core modules: bindings for WASI preview 1. Documented in ../../wit/islet-imports.md.

use bytes::Bytes;
use serde_json::{Value, json};
use wasmtime::{Caller, Error, Extern, Linker, Memory, Result};

use super::kv::MOST_VALUE_BYTES;
use crate::ops::{OperationError, Payload, Request, call};
use crate::ops_api::Guest;

const MODULE: &str = "islet";

/// What `call` gives for a request that is none.
const MALFORMED: i32 = -1;
/// `body_len` of an answer without a body.
const NO_BODY: i32 = -1;
/// Bytes of a request's JSON; bodies go beside it.
const MOST_REQUEST_BYTES: usize = 1024 * 1024;
/// Bytes of a body, either way.
const MOST_BODY_BYTES: usize = MOST_VALUE_BYTES;

/// The last answer of a store, until the guest takes it or calls again.
#[derive(Default)]
pub struct Answered {
    json: Vec<u8>,
    body: Option<Bytes>,
}

struct Asked {
    binding: String,
    method: String,
    args: Value,
}

pub fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap_async(
        MODULE,
        "call",
        |mut caller: Caller<'_, Guest>, (request, request_len, body, body_len): (u32, u32, u32, i32)| {
            Box::new(async move { answer(&mut caller, (request, request_len), (body, body_len)).await })
        },
    )?;
    linker.func_wrap(MODULE, "answer", |mut caller: Caller<'_, Guest>, to: u32| -> Result<()> {
        let memory = memory(&mut caller)?;
        let (bytes, guest) = memory.data_and_store_mut(&mut caller);
        write(bytes, to, &guest.bindings.answered.json)
    })?;
    linker.func_wrap(MODULE, "body_len", |caller: Caller<'_, Guest>| -> i32 {
        let body = &caller.data().bindings.answered.body;
        body.as_ref().map_or(NO_BODY, |body| length(body))
    })?;
    linker.func_wrap(MODULE, "body", |mut caller: Caller<'_, Guest>, to: u32| -> Result<()> {
        let memory = memory(&mut caller)?;
        let (bytes, guest) = memory.data_and_store_mut(&mut caller);
        match guest.bindings.answered.body.take() {
            Some(body) => write(bytes, to, &body),
            None => Ok(()),
        }
    })?;
    Ok(())
}

async fn answer(caller: &mut Caller<'_, Guest>, request: (u32, u32), body: (u32, i32)) -> Result<i32> {
    // What was answered before is not needed any more, and two would be held otherwise.
    caller.data_mut().bindings.answered = Answered::default();
    let memory = memory(caller)?;
    let bytes = memory.data(&*caller);
    let Some(asked) = parse(read(bytes, request.0, request.1)?) else {
        return Ok(MALFORMED);
    };
    let body = match u32::try_from(body.1) {
        Err(_) => None,
        Ok(length) => Some(read(bytes, body.0, length)?),
    };
    let answered = match body {
        Some(body) if body.len() > MOST_BODY_BYTES => Err(OperationError::new(
            "RangeError",
            format!("The body has {} bytes; send at most {MOST_BODY_BYTES}", body.len()),
        )),
        body => {
            let body = body.map_or(Payload::None, |body| Payload::Inline(Bytes::copy_from_slice(body)));
            operate(caller.data(), asked, body).await
        }
    };
    let (json, body) = match answered {
        Ok((value, body)) => (json!({ "ok": value }), body),
        Err(OperationError { name, message, code }) => {
            (json!({ "error": { "name": name, "message": message, "code": code } }), None)
        }
    };
    let json = json.to_string().into_bytes();
    let size = length(&json);
    caller.data_mut().bindings.answered = Answered { json, body };
    Ok(size)
}

fn operate(
    guest: &Guest,
    asked: Asked,
    body: Payload,
) -> impl Future<Output = std::result::Result<(Value, Option<Bytes>), OperationError>> + Send + use<> {
    let invocation = guest.current.get();
    async move {
        let Some(invocation) = invocation else {
            return Err(OperationError::new("Error", "Bindings are there while a request is handled, not before"));
        };
        let Asked { binding, method, args } = asked;
        let request = Request { binding: &binding, method: &method, args: &args, body };
        call(&invocation, request, MOST_BODY_BYTES).await
    }
}

fn parse(text: &[u8]) -> Option<Asked> {
    if text.len() > MOST_REQUEST_BYTES {
        return None;
    }
    let (binding, method, args) = serde_json::from_slice(text).ok()?;
    Some(Asked { binding, method, args })
}

fn memory(caller: &mut Caller<'_, Guest>) -> Result<Memory> {
    let exported = caller.get_export("memory").and_then(Extern::into_memory);
    exported.ok_or_else(|| Error::msg("a module that imports islet must export its memory as \"memory\""))
}

fn read(memory: &[u8], from: u32, length: u32) -> Result<&[u8]> {
    let start = from as usize;
    let bytes = start.checked_add(length as usize).and_then(|end| memory.get(start..end));
    bytes.ok_or_else(out_of_bounds)
}

fn write(memory: &mut [u8], to: u32, bytes: &[u8]) -> Result<()> {
    let start = to as usize;
    let place = start.checked_add(bytes.len()).and_then(|end| memory.get_mut(start..end));
    place.ok_or_else(out_of_bounds)?.copy_from_slice(bytes);
    Ok(())
}

fn out_of_bounds() -> Error {
    wasmtime::Trap::MemoryOutOfBounds.into()
}

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_three_elements() {
        let Asked { binding, method, args } = parse(br#"["KV","get",{"key":"a"}]"#).unwrap();
        assert_eq!((binding.as_str(), method.as_str(), args["key"].as_str()), ("KV", "get", Some("a")));
        for text in ["", "[]", r#"["KV","get"]"#, r#"["KV","get",{},1]"#, r#"[1,"get",{}]"#, r#"["KV","get",{}"#] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse(format!(r#"["KV","get",{}"#, "[".repeat(100_000)).as_bytes()).is_none());
        let padded = format!(r#"["","fetch",{{}}{}]"#, " ".repeat(MOST_REQUEST_BYTES));
        assert!(parse(padded.as_bytes()).is_none());
    }

    #[test]
    fn memory_is_checked() {
        let mut memory = [0; 8];
        assert_eq!(read(&memory, 6, 2).unwrap().len(), 2);
        assert!(read(&memory, 7, 2).is_err());
        assert!(read(&memory, u32::MAX, u32::MAX).is_err());
        assert!(write(&mut memory, 8, &[]).is_ok());
        assert!(write(&mut memory, 9, &[]).is_err());
        assert!(write(&mut memory, 7, &[1, 2]).is_err());
    }
}
