//! Preview 1 commands that run once per call: CGI for requests, JSON in and out for events.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::future::try_join;
use serde::de::IgnoredAny;
use wasmtime::{Instance, Store};
use wasmtime_wasi::I32Exit;

use crate::answer::{Answer, Head, Source, drive};
use crate::cgi::{Parsed, environment, parse_head};
use crate::code::Pre;
use crate::failure::{Thrown, judge};
use crate::live::Live;
use crate::load::{Loaded, when_room};
use crate::meter::metered;
use crate::ops_api::{Current, Guest};
use crate::places::Ticket;
use crate::protocol::{EventHead, RequestHead};
use crate::stdin::{Inbox, Stdin};
use crate::stdout::{Pipe, Stdout};
use crate::wasi::{Logs, Setup, Streams, open_command_store};

/// The longest result of an event: what Lambda takes.
pub const RESULT_BYTES: usize = 6 << 20;

type Opened = (Store<Guest>, Instance);

/// A request, from its slot to its end. `length` is the body's, where it is here whole.
pub async fn run_request(
    loaded: Arc<Loaded>,
    live: Arc<Live>,
    head: RequestHead,
    length: Option<usize>,
    ticket: Ticket,
) {
    let setup = setup(&loaded, &live);
    let length = if head.b == 0 { Some(0).filter(|_| head.m == "POST" || head.m == "PUT") } else { length };
    let env = environment(&head, &loaded.shared.about.function, length);
    let (core, meter, account, logs) = parts(&loaded, &setup);
    let stdin = Stdin(live.inbox.clone());
    let outcome = metered(
        meter,
        core.ticker.clone(),
        serve(loaded, setup, Run { live: live.clone(), env, ticket, pipe: Arc::default(), stdin }),
    )
    .await;
    logs.flush();
    match judge(outcome, &account) {
        Ok(Some((json, bytes))) => core.answer(&live, json, bytes),
        Ok(None) => core.end(&live, "finished"),
        Err(ending) => core.fail(&live, ending),
    }
}

/// An event, from its slot to its end.
pub async fn run_event(loaded: Arc<Loaded>, live: Arc<Live>, head: EventHead, ticket: Ticket) {
    let setup = setup(&loaded, &live);
    let (core, meter, account, logs) = parts(&loaded, &setup);
    let outcome = metered(meter, core.ticker.clone(), answer_event(loaded, setup, head, (live.clone(), ticket))).await;
    logs.flush();
    match judge(outcome, &account) {
        Ok(json) => {
            live.invocation.emit('R', json, None);
            core.end(&live, "finished");
        }
        Err(ending) => core.fail(&live, ending),
    }
}

fn setup(loaded: &Loaded, live: &Live) -> Setup {
    let current = Current::new(loaded.shared.clone());
    current.set(Some(live.invocation.clone()));
    let setup = Setup::new(current, live.invocation.meter());
    let _ = live.account.set(setup.account.clone());
    setup
}

type Parts = (Arc<crate::core::Core>, Arc<crate::meter::Meter>, Arc<crate::limiter::Account>, Logs);

fn parts(loaded: &Loaded, setup: &Setup) -> Parts {
    (loaded.core.clone(), setup.meter.clone(), setup.account.clone(), setup.logs.clone())
}

type Whole = Option<(String, Option<Bytes>)>;

async fn serve(loaded: Arc<Loaded>, setup: Setup, run: Run) -> Result<Whole, Thrown> {
    let meter = setup.meter.clone();
    let source = CgiSource { pipe: run.pipe.clone(), start: BytesMut::new(), ended: false };
    let mut answer = Answer::new(run.live.invocation.clone(), run.live.flow.clone(), source);
    drive(run.run(loaded, setup), &mut answer, &meter).await?;
    Ok(answer.take_whole())
}

async fn answer_event(
    loaded: Arc<Loaded>,
    setup: Setup,
    head: EventHead,
    (live, ticket): (Arc<Live>, Ticket),
) -> Result<String, Thrown> {
    let mut event = serde_json::to_vec(&head.e).unwrap_or_default();
    event.push(b'\n');
    let env = vec![
        ("ISLET_EVENT".to_string(), "1".to_string()),
        ("ISLET_FUNCTION".to_string(), loaded.shared.about.function.clone()),
        ("ISLET_INVOCATION_ID".to_string(), head.id),
    ];
    let pipe = Arc::<Pipe>::default();
    let stdin = Stdin(Inbox::whole(Some(event.into())));
    let run = Run { live, env, ticket, pipe: pipe.clone(), stdin };
    let ((), output) = try_join(run.run(loaded, setup), collect(&pipe)).await?;
    to_result(&output)
}

async fn collect(pipe: &Pipe) -> Result<BytesMut, Thrown> {
    let mut output = BytesMut::new();
    while let Some(part) = std::future::poll_fn(|cx| pipe.poll_take(cx)).await {
        output.extend_from_slice(&part);
        if output.len() > RESULT_BYTES {
            let message = format!("The result is longer than {RESULT_BYTES} bytes");
            return Err(Thrown::new("RangeError", message, "result"));
        }
    }
    Ok(output)
}

fn to_result(output: &[u8]) -> Result<String, Thrown> {
    let output = output.trim_ascii();
    let unfit = |why: String| Thrown::new("TypeError", format!("The output is no JSON: {why}"), "result");
    let text = std::str::from_utf8(output).map_err(|error| unfit(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| unfit(error.to_string()))?;
    Ok(serde_json::json!([text]).to_string())
}

/// One run of the program.
struct Run {
    live: Arc<Live>,
    env: Vec<(String, String)>,
    ticket: Ticket,
    stdin: Stdin,
    pipe: Arc<Pipe>,
}

impl Run {
    /// The output is complete when this is done.
    async fn run(self, loaded: Arc<Loaded>, setup: Setup) -> Result<(), Thrown> {
        let Self { live, env, ticket, stdin, pipe } = self;
        let _place = loaded.core.slot_for(&live, ticket, loaded.code.weight).await?;
        let streams = || Streams { stdin: stdin.clone(), stdout: Stdout(pipe.clone()), env: env.clone() };
        let (store, instance) = open(&loaded, &setup, streams).await?;
        let outcome = start(store, instance).await;
        pipe.end();
        outcome.map_err(|thrown| thrown.with_stack(setup.logs.tail()))
    }
}

/// A store with the program in it.
pub async fn open<I, O>(loaded: &Loaded, setup: &Setup, streams: impl Fn() -> Streams<I, O>) -> Result<Opened, Thrown>
where
    I: wasmtime_wasi::cli::StdinStream + 'static,
    O: wasmtime_wasi::cli::StdoutStream + 'static,
{
    let Pre::Command(pre) = &loaded.code.pre else {
        return Err(Thrown::new("Error", "This is no command", "startup"));
    };
    when_room(async || {
        let mut store = open_command_store(loaded, setup, streams())?;
        let instance = pre.instantiate_async(&mut store).await?;
        Ok((store, instance))
    })
    .await
}

/// Runs `_start`; exit code 0 is success.
pub async fn start(mut store: Store<Guest>, instance: Instance) -> Result<(), Thrown> {
    let main = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .map_err(|error| Thrown::from_error(&error, "startup"))?;
    match main.call_async(&mut store, ()).await {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.downcast_ref::<I32Exit>(), Some(I32Exit(0))) => Ok(()),
        Err(error) => Err(Thrown::from_error(&error, "handler")),
    }
}

/// Instantiates and runs nothing.
pub async fn try_out(loaded: &Loaded, setup: &Setup) -> Result<(), Thrown> {
    let streams = || Streams { stdin: tokio::io::empty(), stdout: tokio::io::empty(), env: Vec::new() };
    open(loaded, setup, streams).await.map(drop)
}

/// A CGI response out of a pipe.
struct CgiSource {
    pipe: Arc<Pipe>,
    /// What came before the head was whole, then what came with it.
    start: BytesMut,
    ended: bool,
}

impl Source for CgiSource {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Thrown>> {
        loop {
            match parse_head(&self.start, self.ended) {
                Parsed::More => {}
                Parsed::Head(head, body) => {
                    let _ = self.start.split_to(body);
                    return Poll::Ready(Ok(head));
                }
                Parsed::Malformed(why) => {
                    let thrown = Thrown::new("TypeError", format!("The output is no CGI response: {why}"), "result");
                    return Poll::Ready(Err(thrown));
                }
            }
            match futures::ready!(self.pipe.poll_take(cx)) {
                Some(part) => self.start.extend_from_slice(&part),
                None => self.ended = true,
            }
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        if !self.start.is_empty() {
            return Poll::Ready(Some(Ok(self.start.split().freeze())));
        }
        self.pipe.poll_take(cx).map(|part| part.map(Ok))
    }

    fn refuse(&mut self) {
        self.pipe.refuse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_json() {
        assert_eq!(to_result(b" {\"a\":1}\n").unwrap(), r#"["{\"a\":1}"]"#);
        for output in [&b""[..], b"{", b"1 2", b"\xff"] {
            assert_eq!(to_result(output).unwrap_err().phase, "result");
        }
    }
}
