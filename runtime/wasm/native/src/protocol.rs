//! Messages of ../../guest/protocol.ts: what comes in, and the text of what goes out.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// `chunkBytes`, `inlineBytes` and `initialCredit` of protocol.ts.
pub const CHUNK_BYTES: usize = 64 * 1024;
pub const INLINE_BYTES: usize = 256 * 1024;
pub const INITIAL_CREDIT: u64 = 256 * 1024;

#[derive(Debug, Deserialize)]
pub struct RequestHead {
    pub m: String,
    pub u: String,
    pub h: Vec<String>,
    pub b: u8,
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub ip: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct EventHead {
    pub e: Value,
    #[serde(default)]
    pub id: String,
}

/// A message for an invocation.
#[derive(Debug)]
pub enum In {
    Request(RequestHead, Option<Bytes>),
    Event(EventHead),
    Chunk(u32, Bytes),
    End(u32),
    Fail(u32, String),
    Credit(u32, u64),
    Cancel(u32),
    Answer {
        op: u32,
        ok: bool,
        value: Value,
        bytes: Option<Bytes>,
        streamed: bool,
    },
    Abort,
    /// One that is not for us: Timer, Flush, Drop.
    Other,
}

/// A request's members: kind, invocation, head, offset and length of its body.
type Request = (u8, IgnoredAny, RequestHead, i64, i64);

/// Parses a message, or says what is wrong with it.
pub fn parse(text: &str, bytes: Option<Bytes>) -> Result<In, String> {
    // Nearly all messages are requests: these are read without values in between.
    if bytes.is_none()
        && let Ok((0, _, head, ..)) = serde_json::from_str::<Request>(text)
        && head.b != 1
    {
        return Ok(In::Request(head, None));
    }
    let mut parts: Vec<Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let whole = bytes.unwrap_or_default();
    let slice = |offset: i64, length: i64| -> Result<Option<Bytes>, String> {
        if length < 0 {
            return Ok(None);
        }
        let start = usize::try_from(offset).map_err(|error| error.to_string())?;
        let end = start.checked_add(length as usize).filter(|end| *end <= whole.len()).ok_or("bytes out of range")?;
        Ok(Some(whole.slice(start..end)))
    };
    let number = |at: usize| parts.get(at).and_then(Value::as_f64).unwrap_or(0.0);
    let stream = number(2) as u32;
    Ok(match parts.first().and_then(Value::as_i64) {
        Some(0) => {
            let body = slice(number(3) as i64, number(4) as i64)?;
            let head: RequestHead = take(&mut parts, 2)?;
            let body = if head.b == 1 { body } else { None };
            In::Request(head, body)
        }
        Some(1) => In::Chunk(stream, slice(number(3) as i64, number(4) as i64)?.unwrap_or_default()),
        Some(2) => In::End(stream),
        Some(3) => In::Fail(stream, take(&mut parts, 3)?),
        Some(4) => In::Credit(stream, number(3).max(0.0) as u64),
        Some(5) => In::Cancel(stream),
        Some(6) => {
            let (ok, streamed) = (number(3) == 1.0, number(7) == 1.0);
            let bytes = slice(number(5) as i64, if parts.len() > 6 { number(6) as i64 } else { -1 })?;
            let value = parts.get_mut(4).map(Value::take).unwrap_or_default();
            In::Answer { op: stream, ok, value, bytes, streamed }
        }
        Some(7) => In::Abort,
        Some(9) => In::Event(take(&mut parts, 2)?),
        Some(_) => In::Other,
        None => return Err("no message".into()),
    })
}

fn take<T: for<'de> Deserialize<'de>>(parts: &mut [Value], at: usize) -> Result<T, String> {
    let value = parts.get_mut(at).map(Value::take).ok_or("message too short")?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Bytes of a header as JavaScript's HTTP has them: one UTF-16 unit a byte.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The other way; characters that are no byte become their UTF-8.
pub fn from_latin1(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        match u8::try_from(u32::from(char)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_head_and_body() {
        let text = r#"[0,7,{"m":"GET","u":"http://a/b?c","h":["x","y"],"b":1,"id":"i","d":12.5},2,3]"#;
        let In::Request(head, Some(body)) = parse(text, Some(Bytes::from_static(b"..abc"))).unwrap() else {
            panic!("no request")
        };
        assert_eq!((head.m.as_str(), &body[..]), ("GET", &b"abc"[..]));
    }

    #[test]
    fn a_request_without_a_body() {
        for (b, length) in [(0, 0), (2, 0), (0, -1)] {
            let text =
                format!(r#"[0,7,{{"user":{{"id":1}},"id":"i","d":1,"b":{b},"m":"GET","u":"u","h":[]}},0,{length}]"#);
            let In::Request(head, None) = parse(&text, None).unwrap() else { panic!("no request") };
            assert_eq!((head.b, head.m.as_str(), head.id.as_str()), (b, "GET", "i"));
        }
        let empty = parse(r#"[0,7,{"m":"GET","u":"u","h":[],"b":1},0,0]"#, None);
        assert!(matches!(empty, Ok(In::Request(_, Some(body))) if body.is_empty()));
        assert!(parse(r#"[0,7,{"m":"GET"},0,0]"#, None).is_err());
    }

    #[test]
    fn an_answer_without_bytes() {
        let In::Answer { op: 2, ok: true, bytes: None, streamed: true, .. } =
            parse("[6,1,2,1,null,0,-1,1]", None).unwrap()
        else {
            panic!("no answer")
        };
    }

    #[test]
    fn bytes_out_of_range_are_an_error() {
        assert!(parse("[1,1,0,2,4]", Some(Bytes::from_static(b"abc"))).is_err());
        assert!(parse("", None).is_err());
        assert!(parse("[]", None).is_err());
    }

    #[test]
    fn header_bytes_survive() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_latin1(&latin1(&bytes)), bytes);
    }
}
