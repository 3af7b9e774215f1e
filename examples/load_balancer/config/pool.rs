//! A pool, as a configuration describes it.

mod defaults;

use core::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::Spanned;

use super::target::Target;
use super::values::{Number, Period, Prefix, Span, Statuses, Text, Token, Weight};
use crate::balance::key::KeySource;

/// `[pools.NAME]`. What is left out has the value of [`Default`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pool {
    pub(crate) backends: Vec<Spanned<Backend>>,
    /// A file that lists more of them, read again when it changes.
    pub(crate) watch: Option<Spanned<PathBuf>>,
    /// The same from a server: `http://ADDRESS:PORT/PATH`.
    pub(crate) watch_url: Option<Spanned<String>>,
    pub(crate) watch_interval: Text<Period>,
    pub(crate) policy: Policy,
    /// What Maglev hashes by.
    pub(crate) hash: Option<Spanned<Text<KeySource>>>,
    /// How much of its part a backend may have by Maglev, in percent.
    pub(crate) max_load: Option<Spanned<Number<101, 1_000>>>,
    /// In what time two choices forget.
    pub(crate) decay: Text<Period>,
    /// The name of the cookie of sticky sessions.
    pub(crate) sticky: Option<Text<Token>>,
    pub(crate) slow_start: Text<Span>,
    pub(crate) tls: Option<Tls>,
    /// Whether connections begin with a PROXY header, version 2.
    pub(crate) proxy_protocol: bool,
    pub(crate) check: Option<Check>,
    pub(crate) outlier: Outlier,
    pub(crate) retry: Retry,
    pub(crate) breaker: Breaker,
    pub(crate) queue: Queue,
    pub(crate) timeouts: Timeouts,
    pub(crate) keep_alive: KeepAlive,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Policy {
    RoundRobin,
    Weighted,
    LeastConnections,
    #[default]
    TwoChoices,
    Maglev,
}

/// `"ADDRESS:PORT"`, or a table that says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) target: Target,
    pub(crate) weight: u32,
    pub(crate) draining: bool,
    /// How often a name is resolved.
    pub(crate) refresh: Period,
}

impl Backend {
    /// With all that a table could say left out.
    pub(crate) const fn new(target: Target) -> Self {
        Self {
            target,
            weight: 1,
            draining: false,
            refresh: Period(30_000),
        }
    }
}

impl<'de> Deserialize<'de> for Backend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename = "backend")]
        struct Table {
            address: Text<Target>,
            weight: Option<Weight>,
            #[serde(default)]
            draining: bool,
            refresh: Option<Text<Period>>,
        }

        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Backend;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"ADDRESS:PORT\" or a table with an address")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Backend, E> {
                text.parse().map(Backend::new).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Backend, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                if table.refresh.is_some() && matches!(*table.address, Target::Address(_)) {
                    return Err(A::Error::custom(
                        "refresh is for names: an address stays as it is",
                    ));
                }
                let plain = Backend::new(table.address.0);
                Ok(Backend {
                    weight: table.weight.map_or(plain.weight, |weight| weight.0),
                    draining: table.draining,
                    refresh: table.refresh.map_or(plain.refresh, |refresh| refresh.0),
                    ..plain
                })
            }
        }

        deserializer.deserialize_any(TextOrTable)
    }
}

/// How TLS is spoken with backends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// Whom their certificates are for.
    pub(crate) server_name: String,
    /// The authorities that these are from; the system's where it is left out.
    pub(crate) ca: Option<PathBuf>,
}

/// Active checks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Check {
    /// What `GET` asks for; where it is left out, a connection is enough.
    pub(crate) path: Option<Text<Prefix>>,
    pub(crate) host: Option<String>,
    pub(crate) expect: Vec<Statuses>,
    pub(crate) interval: Text<Period>,
    pub(crate) jitter_percent: Number<0, 100>,
    pub(crate) timeout: Text<Period>,
    pub(crate) rise: Number<1, 100>,
    pub(crate) fall: Number<1, 100>,
}

/// Passive checks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Outlier {
    pub(crate) enabled: bool,
    pub(crate) consecutive: Number<1, 1_000>,
    pub(crate) failure_percent: Option<Number<1, 100>>,
    pub(crate) min_requests: Number<1, 1_000_000>,
    pub(crate) interval: Text<Period>,
    pub(crate) base: Text<Period>,
    pub(crate) max: Text<Period>,
    pub(crate) max_ejected_percent: Number<0, 100>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retry {
    pub(crate) max_tries: Number<1, 10>,
    pub(crate) statuses: Vec<Number<500, 599>>,
    pub(crate) budget_percent: Number<0, 100>,
    pub(crate) min_per_second: Number<0, 10_000>,
}

/// For each backend; without a limit where left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Breaker {
    pub(crate) max_requests: Option<Number<1, 1_000_000>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Queue {
    pub(crate) max_len: Number<0, 1_000_000>,
    pub(crate) timeout: Text<Period>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Timeouts {
    pub(crate) connect: Text<Period>,
    pub(crate) response_head: Text<Period>,
    pub(crate) idle: Text<Period>,
    pub(crate) overall: Option<Spanned<Text<Period>>>,
}

/// Connections to each backend that are kept to be used again, by each thread.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeepAlive {
    pub(crate) connections: Number<0, 65_536>,
    pub(crate) idle: Text<Period>,
}
