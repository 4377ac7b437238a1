//! NativeSpec of ../../native.ts, and the names of the two linkers' guests.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ops_api::{About, Binding};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    Component,
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Http,
    Cgi,
    Events,
    Lambda,
}

impl Protocol {
    pub fn is_resident(self) -> bool {
        matches!(self, Self::Events | Self::Lambda)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Program {
    pub guest: GuestKind,
    pub protocol: Protocol,
    pub reuse: u32,
    pub args: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    pub memory_mb: f64,
    pub cpu_ms: f64,
    pub startup_cpu_ms: f64,
    pub log_bytes: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Spec {
    pub artifact: String,
    pub program: Program,
    #[serde(default)]
    pub folder: Option<String>,
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    #[serde(default)]
    pub bindings: Vec<Binding>,
    #[serde(rename = "function", default)]
    pub name: String,
    pub limits: Limits,
}

impl Spec {
    /// Parses JSON text, or says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spec: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let fits = match spec.program.guest {
            GuestKind::Component => spec.program.protocol == Protocol::Http,
            GuestKind::Command => spec.program.protocol != Protocol::Http,
        };
        if !fits {
            return Err(format!("{:?} guests do not speak {:?}", spec.program.guest, spec.program.protocol));
        }
        Ok(spec)
    }

    /// What is for the guest; the spec is without it afterwards.
    pub fn take_about(&mut self) -> About {
        About {
            function: std::mem::take(&mut self.name),
            vars: std::mem::take(&mut self.vars),
            bindings: std::mem::take(&mut self.bindings),
            log_bytes: self.limits.log_bytes.max(0.0) as u64,
        }
    }
}
