//! CGI/1.1 (RFC 3875): a request as environment, and the head of a script's response.

use std::net::IpAddr;

use url::Url;

use crate::answer::Head;
use crate::protocol::{RequestHead, from_latin1, latin1};

/// A header block longer than this is refused.
const HEAD_BYTES: usize = 64 * 1024;

/// Meta-variables of section 4.1. `length` is the body's, where it is known.
pub fn environment(head: &RequestHead, function: &str, length: Option<usize>) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::with_capacity(20 + head.h.len() / 2);
    let mut set = |name: &str, value: String| env.push((name.to_string(), value));
    set("GATEWAY_INTERFACE", "CGI/1.1".into());
    set("SERVER_PROTOCOL", "HTTP/1.1".into());
    set("SERVER_SOFTWARE", "islet".into());
    set("REQUEST_METHOD", head.m.clone());
    set("SCRIPT_NAME", String::new());
    set("ISLET_FUNCTION", function.to_string());
    set("ISLET_INVOCATION_ID", head.id.clone());
    if let Ok(url) = Url::parse(&head.u) {
        let query = url.query().unwrap_or_default();
        let path = url.path();
        set("PATH_INFO", decode(path));
        set("QUERY_STRING", query.to_string());
        set("REQUEST_URI", if query.is_empty() { path.to_string() } else { format!("{path}?{query}") });
        set("SERVER_NAME", url.host_str().unwrap_or_default().to_string());
        set("SERVER_PORT", url.port_or_known_default().unwrap_or(80).to_string());
        set("REQUEST_SCHEME", url.scheme().to_string());
        if url.scheme() == "https" {
            set("HTTPS", "on".into());
        }
    }
    let ip = head.ip.as_deref().unwrap_or_default();
    if ip.parse::<IpAddr>().is_ok() {
        set("REMOTE_ADDR", ip.to_string());
        set("REMOTE_HOST", ip.to_string());
    }
    headers(&head.h, &mut env);
    if let Some(length) = length {
        env.retain(|(name, _)| name != "CONTENT_LENGTH");
        env.push(("CONTENT_LENGTH".into(), length.to_string()));
    }
    env
}

/// Section 4.1.18. `Proxy` is left out: HTTP_PROXY means something else to most programs (CVE-2016-5385).
fn headers(flat: &[String], env: &mut Vec<(String, String)>) {
    for pair in flat.chunks_exact(2) {
        let upper = pair[0].to_ascii_uppercase().replace('-', "_");
        let name = match upper.as_str() {
            "PROXY" => continue,
            "CONTENT_TYPE" | "CONTENT_LENGTH" => upper,
            _ => format!("HTTP_{upper}"),
        };
        let value = text(&from_latin1(&pair[1]));
        match env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => {
                all.push_str(if name == "HTTP_COOKIE" { "; " } else { ", " });
                all.push_str(&value);
            }
            None => env.push((name, value)),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "")
}

/// Percent-decoded, where that is text an environment can hold.
fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%' && after.len() >= 2).then(|| std::str::from_utf8(&after[..2]).ok()).flatten();
        match hex.filter(|hex| !hex.starts_with('+')).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    match String::from_utf8(bytes) {
        Ok(decoded) if !decoded.contains('\0') => decoded,
        _ => path.to_string(),
    }
}

/// The head of a response (section 6), out of the first bytes of standard output.
pub enum Parsed {
    /// Not whole yet.
    More,
    /// The head, and where the body begins.
    Head(Head, usize),
    Malformed(String),
}

/// `ended`: nothing follows `bytes`.
pub fn parse_head(bytes: &[u8], ended: bool) -> Parsed {
    let Some((block, body)) = split(bytes) else {
        if bytes.len() > HEAD_BYTES {
            return Parsed::Malformed(format!("the header block is longer than {HEAD_BYTES} bytes"));
        }
        if !ended {
            return Parsed::More;
        }
        let start = latin1(&bytes[..bytes.len().min(60)]);
        return Parsed::Malformed(format!("no empty line ends the header block; output began {start:?}"));
    };
    if block > HEAD_BYTES {
        return Parsed::Malformed(format!("the header block is longer than {HEAD_BYTES} bytes"));
    }
    match parse_block(&bytes[..block]) {
        Ok(head) => Parsed::Head(head, body),
        Err(why) => Parsed::Malformed(why),
    }
}

/// End of the block and beginning of the body: the first empty line, its newline LF or CRLF.
fn split(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut line = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\n' {
            continue;
        }
        if at == line || (at == line + 1 && bytes[line] == b'\r') {
            return Some((line, at + 1));
        }
        line = at + 1;
    }
    None
}

fn parse_block(block: &[u8]) -> Result<Head, String> {
    let mut status = None;
    let mut location = false;
    let mut headers = Vec::new();
    for line in block.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let shown = || latin1(&line[..line.len().min(60)]);
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| format!("{:?} is no header", shown()))?;
        let name = std::str::from_utf8(&line[..colon]).unwrap_or_default();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("{:?} is no header", shown()));
        }
        let value = latin1(line[colon + 1..].trim_ascii());
        let name = name.to_ascii_lowercase();
        if name == "status" {
            status = Some(parse_status(&value).ok_or_else(|| format!("{value:?} is no status"))?);
            continue;
        }
        location |= name == "location";
        headers.push((name, value));
    }
    if headers.is_empty() && status.is_none() {
        return Err("the header block is empty; write Content-Type, Location or Status".into());
    }
    Ok(Head { status: status.unwrap_or(if location { 302 } else { 200 }), headers })
}

fn parse_status(value: &str) -> Option<u16> {
    let code = value.split_ascii_whitespace().next()?;
    let known = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    known.then(|| code.parse().ok()).flatten().filter(|code| (200..600).contains(code))
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u16, Vec<(String, String)>, usize);

    fn head(text: &str) -> Result<Read, String> {
        match parse_head(text.as_bytes(), true) {
            Parsed::Head(head, body) => Ok((head.status, head.headers, body)),
            Parsed::Malformed(why) => Err(why),
            Parsed::More => Err("more".into()),
        }
    }

    #[test]
    fn heads_end_at_an_empty_line() {
        let (status, headers, body) = head("Content-Type: text/plain\r\nStatus: 404 Not Found\r\n\r\nbody").unwrap();
        assert_eq!((status, body), (404, 51));
        assert_eq!(headers, [("content-type".to_string(), "text/plain".to_string())]);
        assert_eq!(head("A: b\n\n").unwrap().2, 6);
        assert_eq!(head("Location: /x\n\n").unwrap().0, 302);
        assert_eq!(head("Status: 201\nLocation: /x\n\n").unwrap().0, 201);
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for text in
            ["", "hello", "\n\nhello", "no colon\n\n", "a b: c\n\n", "Status: 99\n\n", "Status: abc\n\n", ": x\n\n"]
        {
            assert!(head(text).is_err(), "{text:?}");
        }
        assert!(matches!(parse_head(b"A: b\n", false), Parsed::More));
        assert!(matches!(parse_head(&[b'a'; HEAD_BYTES + 1], false), Parsed::Malformed(_)));
    }

    fn request(url: &str, headers: &[&str]) -> RequestHead {
        RequestHead {
            m: "POST".into(),
            u: url.into(),
            h: headers.iter().map(|text| (*text).to_string()).collect(),
            b: 1,
            id: "i".into(),
            ip: Some("::1".into()),
        }
    }

    #[test]
    fn requests_become_environments() {
        let head =
            request("https://h.test/a%20b/c?x=1&y", &["x-a", "1", "x-a", "2", "proxy", "evil", "content-length", "9"]);
        let env = environment(&head, "f", Some(3));
        let get =
            |name: &str| env.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
        assert_eq!(get("PATH_INFO"), ["/a b/c"]);
        assert_eq!(get("QUERY_STRING"), ["x=1&y"]);
        assert_eq!(get("HTTP_X_A"), ["1, 2"]);
        assert_eq!(get("HTTP_PROXY"), Vec::<&str>::new());
        assert_eq!(get("CONTENT_LENGTH"), ["3"]);
        assert_eq!(get("SERVER_PORT"), ["443"]);
        assert_eq!(get("REMOTE_ADDR"), ["::1"]);
    }

    #[test]
    fn paths_that_are_no_text_stay_encoded() {
        assert_eq!(decode("/%ff"), "/%ff");
        assert_eq!(decode("/%00"), "/%00");
        assert_eq!(decode("/%+1%4"), "/%+1%4");
        assert_eq!(decode("/%C3%A9"), "/\u{e9}");
    }
}
