use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::bindings::State;
use crate::limiter::{Account, Gauge, Limiter};
use crate::meter::Meter;
use crate::ops::testing::Host;
use crate::ops_api::Guest;

/// Data of a store that works for the host's invocation.
pub fn guest(host: &Host) -> Guest {
    Guest {
        wasi: WasiCtxBuilder::new().build_p1(),
        http: WasiHttpCtx::new(),
        limiter: Limiter::new(1 << 20, Arc::new(Account::default()), Gauge::default()),
        current: host.current.clone(),
        meter: Meter::new(1000.0),
        bindings: State::new(host.current.clone()),
    }
}
