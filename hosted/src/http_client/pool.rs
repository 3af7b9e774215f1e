//! Connections that are kept to be used again, by origin (RFC 6454 §4).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use kinglet_core::http::client::Connection;
use url::Url;

use super::HttpClientOptions;
use crate::transport::Transport;

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) is_secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

/// A connection without an exchange.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) transport: Transport,
    pub(super) machine: Connection,
}

#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<HashMap<Origin, Vec<(Idle, Instant)>>>);

impl Origin {
    /// That of a URL of HTTP or HTTPS.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        Some(Self {
            is_secure,
            host: url.host_str().filter(|host| !host.is_empty())?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// The value of `Host`: the port is left out where it is the scheme's own (RFC 9110 §4.2).
    pub(super) fn authority(&self) -> String {
        match (self.is_secure, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl Pool {
    /// The connection that was used last, of those that are still fit for use.
    pub(super) fn take(&self, origin: &Origin, options: &HttpClientOptions) -> Option<Idle> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_origin = all.get_mut(origin)?;
        of_origin.retain(|(_, since)| since.elapsed() < options.idle_timeout);
        loop {
            let (mut idle, _) = of_origin.pop()?;
            if idle.transport.is_quiet() {
                return Some(idle);
            }
        }
    }

    /// Keeps a connection, if there is a place for it; what is too old leaves.
    pub(super) fn put(&self, origin: Origin, idle: Idle, options: &HttpClientOptions) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, of_origin| {
            of_origin.retain(|(_, since)| since.elapsed() < options.idle_timeout);
            !of_origin.is_empty()
        });
        let total: usize = all.values().map(Vec::len).sum();
        let of_origin = all.get(&origin).map_or(0, Vec::len);
        if total < options.max_idle_total && of_origin < options.max_idle {
            let kept = (idle, Instant::now());
            all.entry(origin).or_default().push(kept);
        }
    }

    pub(super) fn len(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(Vec::len).sum()
    }
}
