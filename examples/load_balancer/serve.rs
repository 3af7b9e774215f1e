//! The process: from a configuration to threads that serve.

use core::num::NonZeroUsize;
use std::sync::Arc;

use kinglet_hosted::{Address, CertificateFiles, Options, Server, Tls, TlsOptions};

use crate::admin;
use crate::checks;
use crate::config::Config;
use crate::config::arguments::Source;
use crate::members;
use crate::proxy::Proxy;
use crate::shared::{PoolState, Shared};
use crate::siphash::HashKey;
use crate::ticks::Ticks;

/// Serves until SIGINT or SIGTERM, and until what is under way is over.
pub(crate) fn serve(source: &Source) -> Result<(), String> {
    let config = source.load().map_err(|mistake| mistake.to_string())?;
    let mut by_lot = [0; 16];
    getrandom::fill(&mut by_lot).map_err(|error| format!("no random numbers: {error}"))?;
    let [left, right] = *by_lot.as_chunks::<8>().0 else {
        return Err(String::from("no random numbers"));
    };
    let lot = HashKey(u64::from_le_bytes(left), u64::from_le_bytes(right));
    let shared = Arc::new(Shared::new(config.hash_key(lot)));
    let pools = resolve(&shared, &config)?;
    shared.replace(config, pools);
    checks::start(&shared);
    run(&shared, source, lot)
}

fn run(shared: &Arc<Shared>, source: &Source, lot: HashKey) -> Result<(), String> {
    let state = shared.state();
    let (tls, addresses) = listeners(&state.config)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = Server::bind_all(&addresses, options(&state.config, tls.clone()))
        .map_err(|error| format!("{error}"))?;
    server
        .drain_on_signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let (again, their_source) = (Arc::clone(shared), source.clone());
    server
        .reload_on_signal(move |handle| {
            if let Some(tls) = &tls
                && let Err(error) = tls.reload()
            {
                log::error!("the certificates are as they were: {error}");
            }
            match reload(&again, &their_source) {
                Ok(config) => handle.reconfigure(options(&config, tls.clone())),
                Err(error) => log::error!("all stays as it is: {error}"),
            }
        })
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let ticks = Arc::new(Ticks::default());
    let handle = server.handle();
    ticks
        .start(shared, &handle)
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    if let Some(address) = &state.config.admin {
        admin::start(shared, &address.0)?;
    }
    for address in server.local_addresses() {
        println!("listening on {address}");
    }
    drop(state);
    server
        .run(|thread| {
            let seed = lot.hash(&thread.to_le_bytes());
            Proxy::new(shared, handle.clone(), scheme, Arc::clone(&ticks), seed)
        })
        .map_err(|error| format!("cannot go on: {error}"))
}

/// Reads the configuration again.
fn reload(shared: &Shared, source: &Source) -> Result<Config, String> {
    let config = source.load().map_err(|mistake| mistake.to_string())?;
    let pools = resolve(shared, &config)?;
    shared.replace(config.clone(), pools);
    log::info!("the configuration was read again");
    Ok(config)
}

/// The backends that a configuration names, with the addresses of those that are names.
fn resolve(shared: &Shared, config: &Config) -> Result<Vec<PoolState>, String> {
    let mut pools = Vec::new();
    for (name, pool) in &config.pools {
        let pool = pool.as_ref();
        let backends = members::backends(shared, name, pool, &[])?;
        let tls = pool.tls.as_ref().map(checks::client_tls).transpose()?;
        pools.push(PoolState {
            name: name.clone(),
            backends,
            tls,
        });
    }
    Ok(pools)
}

/// Where clients come, and the certificates that they are shown: those of all listeners, by name.
fn listeners(config: &Config) -> Result<(Option<Tls>, Vec<Address>), String> {
    let mut certificates = Vec::new();
    let mut addresses = Vec::new();
    for listen in &config.listen {
        let listen = listen.as_ref();
        addresses.push(listen.address.0.clone());
        if let (Some(chain), Some(key)) = (&listen.certificate, &listen.key) {
            certificates.push(CertificateFiles::new(chain, key));
        }
    }
    if certificates.is_empty() {
        return Ok((None, addresses));
    }
    if certificates.len() < addresses.len() {
        return Err("listen: expected a certificate with each address, or with none".into());
    }
    let tls = Tls::new(TlsOptions::new(certificates)).map_err(|error| error.to_string())?;
    Ok((Some(tls), addresses))
}

fn options(config: &Config, tls: Option<Tls>) -> Options {
    let proxies = config
        .listen
        .iter()
        .flat_map(|listen| &listen.as_ref().proxy_protocol);
    let most = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Options {
        threads: NonZeroUsize::new(most(config.threads.0)).unwrap_or(NonZeroUsize::MIN),
        server_name: String::new(),
        tls,
        proxy_protocol: proxies.map(|network| network.0).collect(),
        max_connections: most(config.limits.max_connections.0),
        max_connections_per_address: most(config.limits.max_connections_per_address.0),
        drain_timeout: core::time::Duration::from_millis(config.drain_timeout.0.0),
        ..Options::default()
    }
}
