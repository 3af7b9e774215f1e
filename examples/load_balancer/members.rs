//! Who the backends of a pool are: those that the configuration names, where their names lead to, and
//! those that a watched file or server lists.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use kinglet_core::Limits;
use kinglet_core::http::{ResponseParser, Status};

use crate::config::pool::{Backend, Pool};
use crate::config::target::Target;
use crate::discovery;
use crate::shared::{BackendState, Shared};
use crate::time::Millis;

/// What was listed and where names led when they were last looked at, by pool.
#[derive(Debug, Default)]
pub(crate) struct Members(HashMap<String, Looked>);

#[derive(Debug, Default)]
struct Looked {
    next: Millis,
    listed: Vec<Backend>,
}

/// Bytes of a list at most.
const MAX_LIST_LEN: u64 = 1024 * 1024;

/// How long a server may take to send one.
const LIST_TIMEOUT: Duration = Duration::from_secs(2);

impl Members {
    /// Looks again at what is due, and takes over what has changed. What cannot be had leaves all as it
    /// is.
    pub(crate) fn look(&mut self, shared: &Shared) {
        let now = shared.now();
        let state = shared.state();
        for before in &state.pools {
            let Some(config) = state.config.pools.get(&before.name) else {
                continue;
            };
            let config = config.as_ref();
            let Some(interval) = interval(config) else {
                continue;
            };
            let looked = self.0.entry(before.name.clone()).or_default();
            if looked.next > now {
                continue;
            }
            looked.next = now + interval;
            match list(config) {
                Ok(listed) => looked.listed = listed,
                Err(error) => log::warn!("pool {}: {error}", before.name),
            }
            match backends(shared, &before.name, config, &looked.listed) {
                Ok(after) if is_same(&before.backends, &after) => {}
                Ok(after) => {
                    log::info!("pool {} has other backends", before.name);
                    shared.set_backends(&before.name, after);
                }
                Err(error) => log::warn!("pool {}: {error}", before.name),
            }
        }
    }
}

/// How often it is looked at, where there is anything that changes.
fn interval(pool: &Pool) -> Option<Millis> {
    let names = pool.backends.iter().filter_map(|backend| {
        let backend = backend.as_ref();
        matches!(backend.target, Target::Name { .. }).then_some(backend.refresh.0)
    });
    let is_watched = pool.watch.is_some() || pool.watch_url.is_some();
    let watched = is_watched.then_some(pool.watch_interval.0.0);
    names.chain(watched).min()
}

/// What is listed elsewhere.
fn list(pool: &Pool) -> Result<Vec<Backend>, String> {
    let text = if let Some(file) = &pool.watch {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file);
        text.map_err(|error| format!("{}: {error}", file.display()))?
    } else if let Some(url) = &pool.watch_url {
        let url = url.as_ref();
        fetch(url).map_err(|error| format!("{url}: {error}"))?
    } else {
        return Ok(Vec::new());
    };
    discovery::parse(&text).map_err(|error| error.to_string())
}

/// The backends of a pool, with the addresses that names lead to.
pub(crate) fn backends(
    shared: &Shared,
    name: &str,
    pool: &Pool,
    listed: &[Backend],
) -> Result<Vec<BackendState>, String> {
    let configured = pool.backends.iter().map(|backend| backend.as_ref());
    let mut backends = Vec::new();
    for backend in configured.chain(listed) {
        for address in addresses(&backend.target)? {
            let known = shared.known(name, &address.to_string());
            shared.set_draining(&known, backend.draining);
            backends.push(BackendState {
                address,
                weight: backend.weight,
                known,
            });
        }
    }
    Ok(backends)
}

fn addresses(target: &Target) -> Result<Vec<SocketAddr>, String> {
    match target {
        Target::Address(address) => Ok(vec![*address]),
        Target::Name { host, port } => (host.as_str(), *port)
            .to_socket_addrs()
            .map(Iterator::collect)
            .map_err(|error| format!("{host}:{port}: {error}")),
    }
}

fn is_same(before: &[BackendState], after: &[BackendState]) -> bool {
    let key = |all: &[BackendState]| {
        let mut all: Vec<_> = all.iter().map(|one| (one.address, one.weight)).collect();
        all.sort();
        all
    };
    key(before) == key(after)
}

/// The content at a URL `http://ADDRESS:PORT/PATH`, asked for in HTTP/1.0 so that it ends with the
/// connection.
fn fetch(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let text = |error: std::io::Error| error.to_string();
    let address = authority.to_socket_addrs().map_err(text)?.next();
    let address = address.ok_or("leads nowhere")?;
    let mut stream = TcpStream::connect_timeout(&address, LIST_TIMEOUT).map_err(text)?;
    stream.set_read_timeout(Some(LIST_TIMEOUT)).map_err(text)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(text)?;
    let mut bytes = Vec::new();
    let mut stream = stream.take(MAX_LIST_LEN);
    stream.read_to_end(&mut bytes).map_err(text)?;
    let response = ResponseParser::new()
        .parse(&bytes, &Limits::SERVER)
        .map_err(|error| error.to_string())?
        .ok_or("not a whole answer")?;
    if response.status() != Status::OK {
        return Err(format!("answered {}", response.status().code()));
    }
    String::from_utf8(bytes.split_off(response.head_len())).map_err(|error| error.to_string())
}
