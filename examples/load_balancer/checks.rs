//! What is asked of backends beside requests: whether they are there.
//!
//! Each backend has a thread of its own here, which may block: it connects, asks and waits, while the
//! reactors' threads only read what it has found.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::config::pool::Tls;
use crate::health::{Action, Answer, Check, Probe, Settings};
use crate::members::Members;
use crate::proxy_v2;
use crate::rng::Rng;
use crate::shared::{Known, Shared};

/// How often it is looked whether backends have come or gone.
const ROUND: Duration = Duration::from_millis(500);

/// How TLS is spoken with the backends of a pool.
pub(crate) fn client_tls(tls: &Tls) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = &tls.ca else {
        return Err(
            "tls: expected ca, the authorities that backends' certificates are from".into(),
        );
    };
    let mistake = |error: &dyn core::fmt::Display| format!("{}: {error}", file.display());
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| mistake(&error))? {
        let certificate = certificate.map_err(|error| mistake(&error))?;
        roots.add(certificate).map_err(|error| mistake(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(tls.server_name.clone())
        .map_err(|error| format!("tls.server_name: {error}"))?;
    Ok((Arc::new(config), name))
}

/// Starts the thread that starts those of the backends. It ends with the process.
pub(crate) fn start(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let watched = Arc::new(Mutex::new(HashSet::new()));
    let started = thread::Builder::new().name("checks".into()).spawn(move || {
        let mut members = Members::default();
        loop {
            let state = shared.state();
            for pool in &state.pools {
                let config = state.config.pools.get(&pool.name);
                let Some(check) = config.and_then(|config| config.as_ref().check.as_ref()) else {
                    continue;
                };
                for backend in &pool.backends {
                    let key = (pool.name.clone(), backend.address);
                    if lock(&watched).insert(key.clone()) {
                        let watcher = Watcher {
                            shared: Arc::clone(&shared),
                            pool: pool.name.clone(),
                            address: backend.address,
                            known: Arc::clone(&backend.known),
                            settings: check.settings(),
                            tls: pool.tls.clone(),
                            has_proxy_header: config
                                .is_some_and(|config| config.as_ref().proxy_protocol),
                        };
                        let watched = Arc::clone(&watched);
                        let spawned = thread::Builder::new().spawn(move || {
                            watcher.watch();
                            lock(&watched).remove(&key);
                        });
                        if let Err(error) = spawned {
                            log::error!("no thread for checks: {error}");
                        }
                    }
                }
            }
            members.look(&shared);
            drop(state);
            thread::park_timeout(ROUND);
        }
    });
    if let Err(error) = started {
        log::error!("no thread for checks: {error}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One backend that is asked.
struct Watcher {
    shared: Arc<Shared>,
    pool: String,
    address: SocketAddr,
    known: Arc<Known>,
    settings: Settings,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    has_proxy_header: bool,
}

impl Watcher {
    /// Asks as long as the backend is in its pool.
    fn watch(&self) {
        let mut rng = Rng::new(u64::from(self.address.port()));
        let mut check = Check::new(&self.settings, self.shared.now(), &mut rng);
        while self.is_wanted() {
            let now = self.shared.now();
            let wait = check.next_timeout().saturating_sub(now);
            if wait > 0 {
                thread::park_timeout(Duration::from_millis(wait.min(1_000)));
                continue;
            }
            match check.poll(&self.settings, now, &mut rng) {
                None => {}
                Some(Action::GiveUp(health)) => self.tell(health),
                Some(Action::Ask) => {
                    let answer = match self.ask() {
                        Ok(()) => Answer::Success,
                        Err(why) => {
                            log::debug!("check of {}: {why}", self.address);
                            Answer::Failure
                        }
                    };
                    let now = self.shared.now();
                    self.tell(check.receive(&self.settings, answer, now, &mut rng));
                }
            }
        }
    }

    fn is_wanted(&self) -> bool {
        let state = self.shared.state();
        let pool = state.pools.iter().find(|pool| pool.name == self.pool);
        let config = state.config.pools.get(&self.pool);
        let check = config.and_then(|config| config.as_ref().check.as_ref());
        let is_there = pool.is_some_and(|pool| {
            let mut backends = pool.backends.iter();
            backends.any(|backend| backend.address == self.address)
        });
        is_there && check.is_some_and(|check| check.settings() == self.settings)
    }

    fn tell(&self, health: Option<crate::health::Health>) {
        if let Some(health) = health {
            log::warn!(
                "backend {} of pool {} is {health:?}",
                self.address,
                self.pool
            );
            self.shared.set_health(&self.known, health);
        }
    }

    /// Asks once.
    fn ask(&self) -> Result<(), String> {
        let timeout = Duration::from_millis(self.settings.timeout.max(1));
        let text = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect_timeout(&self.address, timeout).map_err(text)?;
        stream.set_read_timeout(Some(timeout)).map_err(text)?;
        stream.set_write_timeout(Some(timeout)).map_err(text)?;
        if self.has_proxy_header {
            let mut header = [0; proxy_v2::MAX_LEN];
            let header = proxy_v2::of_proxy(&mut header);
            (&stream).write_all(header).map_err(text)?;
        }
        let Probe::Http { path, host, .. } = &self.settings.probe else {
            return Ok(());
        };
        let host = host.clone().unwrap_or_else(|| self.address.to_string());
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let status = match &self.tls {
            None => ask(stream, &request),
            Some((config, name)) => {
                let tls = ClientConnection::new(Arc::clone(config), name.clone());
                let tls = tls.map_err(|error| error.to_string())?;
                ask(StreamOwned::new(tls, stream), &request)
            }
        }?;
        if self.settings.probe.expects(status) {
            Ok(())
        } else {
            Err(format!("answered {status}"))
        }
    }
}

/// Asks, and reads the status of the answer.
fn ask(mut stream: impl Read + Write, request: &str) -> Result<u16, String> {
    let text = |error: std::io::Error| error.to_string();
    stream.write_all(request.as_bytes()).map_err(text)?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).map_err(text)?;
    let line = str::from_utf8(&line).unwrap_or_default();
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..));
    code.and_then(|code| code.parse().ok())
        .ok_or_else(|| String::from("not an HTTP response"))
}
