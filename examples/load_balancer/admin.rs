//! A page and numbers for those who run the balancer, on an address of its own.
//!
//! | path | what it is |
//! |---|---|
//! | `/` | a page that shows the backends as they are, and goes on doing so |
//! | `/state` | the same as JSON |
//! | `/metrics` | the same for Prometheus |
//! | `/drain/POOL/BACKEND`, `/undrain/POOL/BACKEND` | POST: sends a backend no new clients, or sends them again |

use core::fmt::Write;
use core::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;

use kinglet_core::Application;
use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Method, Reply, Request, Status};
use kinglet_hosted::{Address, Options, Server};

use crate::health::Health;
use crate::pool::Service;
use crate::shared::{BackendState, Shared};

/// Starts the server of the page; it ends with the process.
pub(crate) fn start(shared: &Arc<Shared>, address: &Address) -> Result<(), String> {
    let server = Server::bind(address, Options::default()).map_err(|error| error.to_string())?;
    println!("admin on {}", server.local_address());
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name(String::from("admin"))
        .spawn(move || {
            if let Err(error) = server.run(|_| Admin(Arc::clone(&shared))) {
                log::error!("the admin page has ended: {error}");
            }
        })
        .map_err(|error| error.to_string())?;
    Ok(())
}

struct Admin(Arc<Shared>);

/// Every number of a backend: its name in metrics, what it is, and how it is had.
type Number = (&'static str, &'static str, fn(&BackendState) -> u64);

const NUMBERS: [Number; 8] = [
    ("requests_total", "counter", |one| {
        one.known.counts.requests.load(Ordering::Relaxed)
    }),
    ("failures_total", "counter", |one| {
        one.known.counts.failures.load(Ordering::Relaxed)
    }),
    ("retries_total", "counter", |one| {
        one.known.counts.retries.load(Ordering::Relaxed)
    }),
    ("ejections_total", "counter", |one| {
        one.known.counts.ejections.load(Ordering::Relaxed)
    }),
    ("response_head_milliseconds_total", "counter", |one| {
        one.known.counts.latency.load(Ordering::Relaxed)
    }),
    ("refused_total", "counter", |one| {
        one.known.load.refused().into()
    }),
    ("under_way", "gauge", |one| one.known.load.requests().into()),
    ("up", "gauge", |one| {
        u64::from(one.known.health() != Health::Down)
    }),
];

impl Application for Admin {
    type Exchange = ();

    fn request(&mut self, _: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const HTML: Field<'_> = field!("Content-Type", "text/html; charset=utf-8");
        const JSON: Field<'_> = field!("Content-Type", "application/json");
        const METRICS: Field<'_> = field!("Content-Type", "text/plain; version=0.0.4");
        const ALLOW: Field<'_> = field!("Allow", "POST");
        let path = request.path();
        let named = |prefix| path.strip_prefix(prefix)?.split_once('/');
        let (service, named) = match (named("/drain/"), named("/undrain/")) {
            (None, named) => (Service::Normal, named),
            (named, _) => (Service::Draining, named),
        };
        match (path, named) {
            (_, Some(_)) if request.method() != Method::Post => {
                reply.send(Status::METHOD_NOT_ALLOWED, &[ALLOW], b"")
            }
            (_, Some((pool, backend))) if self.set_service(pool, backend, service) => {
                reply.send(Status::NO_CONTENT, &[], b"")
            }
            ("/", _) => reply.send(Status::OK, &[HTML], include_bytes!("admin.html")),
            ("/state", _) => reply.send(Status::OK, &[JSON], self.state().as_bytes()),
            ("/metrics", _) => reply.send(Status::OK, &[METRICS], self.metrics().as_bytes()),
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }
}

impl Admin {
    /// Has a backend drain, or not any more. Answers whether there is one of that name.
    fn set_service(&self, pool: &str, backend: &str, service: Service) -> bool {
        let state = self.0.state();
        let pool = state.pools.iter().find(|other| other.name == pool);
        let mut backends = pool.iter().flat_map(|pool| &pool.backends);
        let found = backends.find(|other| other.address.to_string() == backend);
        if let Some(found) = found {
            self.0
                .set_draining(&found.known, service == Service::Draining);
        }
        found.is_some()
    }

    /// The backends as they are, as JSON. Names of pools and addresses have no byte that is escaped.
    fn state(&self) -> String {
        let state = self.0.state();
        let mut text = String::from("[");
        for pool in &state.pools {
            for backend in &pool.backends {
                let separator = if text.len() > 1 { "," } else { "" };
                let name = serde_json::Value::from(pool.name.as_str());
                let known = &backend.known;
                let is_draining = known.is_draining();
                let (address, weight, health) = (backend.address, backend.weight, known.health());
                let _ = write!(
                    text,
                    "{separator}{{\"pool\":{name},\"backend\":\"{address}\",\"weight\":{weight},\
                     \"health\":\"{health:?}\",\"draining\":{is_draining}"
                );
                for (number, _, value) in NUMBERS {
                    let _ = write!(text, ",\"{number}\":{}", value(backend));
                }
                text.push('}');
            }
        }
        text.push(']');
        text
    }

    fn metrics(&self) -> String {
        let state = self.0.state();
        let mut text = String::new();
        for (number, kind, value) in NUMBERS {
            let _ = writeln!(text, "# TYPE kinglet_backend_{number} {kind}");
            for pool in &state.pools {
                let name = pool.name.escape_default();
                for backend in &pool.backends {
                    let (address, value) = (backend.address, value(backend));
                    let _ = writeln!(
                        text,
                        "kinglet_backend_{number}{{pool=\"{name}\",backend=\"{address}\"}} {value}"
                    );
                }
            }
        }
        text
    }
}
