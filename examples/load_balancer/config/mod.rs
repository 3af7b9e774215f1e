//! The configuration: a file in TOML, or `--listen` and `--upstream`, checked as a whole before any of
//! it is used.
//!
//! ```text
//!  text --> toml: syntax, names and kinds of keys --> values: each for itself --> check: together
//!           \__________________________ each mistake with file, line and key ________________/
//! ```

pub(crate) mod arguments;
mod build;
mod check;
mod mistake;
pub(crate) mod pool;
pub(crate) mod target;
pub(crate) mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use kinglet_hosted::{Address, Network};
use serde::Deserialize;
use toml::Spanned;

use crate::headers::Naming;
use crate::route::Host;
pub(crate) use mistake::Mistake;
use pool::{Backend, Pool};
use target::Target;
use values::{Number, Period, Prefix, Text, Token};

/// All of it. What is left out has the value of [`Default`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) listen: Vec<Spanned<Listen>>,
    pub(crate) pools: BTreeMap<String, Spanned<Pool>>,
    /// To the only pool, where there are none.
    pub(crate) routes: Vec<Spanned<Route>>,
    pub(crate) limits: Limits,
    pub(crate) threads: Number<1, 256>,
    /// What this proxy is called in `Via`; each of several has to have its own name.
    pub(crate) name: Text<Token>,
    /// What sticky cookies and hashes depend on; made by lot where it is left out.
    pub(crate) secret: Option<String>,
    /// Proxies that are believed about who the client is.
    pub(crate) trusted: Vec<Text<Network>>,
    #[serde(deserialize_with = "naming")]
    pub(crate) client_fields: Naming,
    pub(crate) admin: Option<Text<Address>>,
    /// A file, or `-` for the standard output.
    pub(crate) access_log: Option<PathBuf>,
    pub(crate) drain_timeout: Text<Period>,
}

/// `[[listen]]`: where clients come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) address: Text<Address>,
    /// A chain of certificates and its key, for TLS.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// Who sends PROXY headers.
    #[serde(default)]
    pub(crate) proxy_protocol: Vec<Text<Network>>,
}

/// `[[routes]]`: which pool requests go to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    #[serde(default = "any_host")]
    pub(crate) host: Text<Host>,
    #[serde(default = "any_path")]
    pub(crate) path: Text<Prefix>,
    pub(crate) pool: Spanned<String>,
}

/// What clients may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) max_connections: Number<1, 10_000_000>,
    pub(crate) max_connections_per_address: Number<1, 10_000_000>,
    /// Of each address; any number where it is left out.
    pub(crate) requests_per_second: Option<Number<1, 1_000_000>>,
    /// At once; as many as in a second where it is left out.
    pub(crate) burst: Option<Spanned<Number<1, 1_000_000>>>,
}

impl Config {
    /// Reads the text of a file.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Mistake> {
        let config: Self =
            toml::from_str(text).map_err(|error| Mistake::of_toml(file, text, error))?;
        config.check(file, text)?;
        Ok(config)
    }

    /// Reads a file.
    pub(crate) fn load(path: &std::path::Path) -> Result<Self, Mistake> {
        let file = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| Mistake::of_file(&file, &error))?;
        Self::parse(&file, &text)
    }

    /// What the command line describes: one pool for everything.
    pub(crate) fn simple(listen: Vec<Address>, upstreams: Vec<Target>) -> Self {
        let nowhere = 0..0;
        let listen = listen.into_iter().map(|address| Listen {
            address: Text(address),
            certificate: None,
            key: None,
            proxy_protocol: Vec::new(),
        });
        let backends = upstreams.into_iter().map(Backend::new);
        let pool = Pool {
            backends: backends
                .map(|one| Spanned::new(nowhere.clone(), one))
                .collect(),
            ..Pool::default()
        };
        Self {
            listen: listen
                .map(|one| Spanned::new(nowhere.clone(), one))
                .collect(),
            pools: [(String::from("default"), Spanned::new(nowhere.clone(), pool))].into(),
            ..Self::default()
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            pools: BTreeMap::new(),
            routes: Vec::new(),
            limits: Limits::default(),
            threads: Number(1),
            name: Text(Token(String::from("kinglet"))),
            secret: None,
            trusted: Vec::new(),
            client_fields: Naming::Both,
            admin: None,
            access_log: None,
            drain_timeout: Text(Period(10_000)),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: Number(65_536),
            max_connections_per_address: Number(1_024),
            requests_per_second: None,
            burst: None,
        }
    }
}

fn any_host() -> Text<Host> {
    Text(Host::Any)
}

fn any_path() -> Text<Prefix> {
    Text(Prefix(String::from("/")))
}

/// `"forwarded"`, `"x-forwarded"`, `"both"` or `"none"`.
fn naming<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Naming, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Name {
        Forwarded,
        XForwarded,
        Both,
        None,
    }
    Ok(match Name::deserialize(deserializer)? {
        Name::Forwarded => Naming::Forwarded,
        Name::XForwarded => Naming::XForwarded,
        Name::Both => Naming::Both,
        Name::None => Naming::None,
    })
}

#[cfg(test)]
mod tests;
