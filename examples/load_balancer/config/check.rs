//! What no value can tell for itself: whether they go together.

use std::collections::HashSet;

use toml::Spanned;

use super::pool::{Policy, Pool};
use super::{Config, Listen, Mistake};

impl Config {
    /// The first mistake, from top to bottom of the kinds of tables.
    pub(super) fn check(&self, file: &str, text: &str) -> Result<(), Mistake> {
        let source = (file, text);
        let end = text.len()..text.len();
        let missing = |key: &str, what| Err(Mistake::at(source, end.clone(), key, what));
        if self.listen.is_empty() {
            return missing("listen", "expected a [[listen]] with an address");
        }
        if self.pools.is_empty() {
            return missing("pools", "expected a [pools.NAME] with backends");
        }
        if let Some(burst) = &self.limits.burst
            && self.limits.requests_per_second.is_none()
        {
            let what = "expected requests_per_second beside it";
            return Err(Mistake::at(source, burst.span(), "limits.burst", what));
        }
        self.check_listeners(source)?;
        for (name, pool) in &self.pools {
            check_pool(&format!("pools.{name}"), pool, source)?;
        }
        if self.routes.is_empty() && self.pools.len() > 1 {
            return missing(
                "routes",
                "expected [[routes]], since there are several pools",
            );
        }
        self.check_routes(source)
    }

    fn check_listeners(&self, source: (&str, &str)) -> Result<(), Mistake> {
        let mut addresses = HashSet::new();
        for (at, listen) in self.listen.iter().enumerate() {
            let Listen {
                address,
                certificate,
                key,
                ..
            } = listen.as_ref();
            let mistake = |name: &str, what: String| {
                let key = format!("listen[{at}].{name}");
                Err(Mistake::at(source, listen.span(), key, what))
            };
            if !addresses.insert(address.to_string()) {
                return mistake("address", format!("{} is listened on twice", address.0));
            }
            match (certificate, key) {
                (Some(_), None) => {
                    return mistake("key", String::from("expected beside certificate"));
                }
                (None, Some(_)) => {
                    return mistake("certificate", String::from("expected beside key"));
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(())
    }

    fn check_routes(&self, source: (&str, &str)) -> Result<(), Mistake> {
        let mut seen = HashSet::new();
        for (at, route) in self.routes.iter().enumerate() {
            let pool = &route.as_ref().pool;
            if !self.pools.contains_key(pool.as_ref()) {
                let known: Vec<_> = self.pools.keys().map(String::as_str).collect();
                let (name, known) = (pool.as_ref(), known.join(", "));
                let what = format!("there is no pool {name:?}, expected one of: {known}");
                return Err(Mistake::at(
                    source,
                    pool.span(),
                    format!("routes[{at}].pool"),
                    what,
                ));
            }
            let route_key = (
                format!("{:?}", route.as_ref().host.0),
                &route.as_ref().path.0.0,
            );
            if !seen.insert(route_key) {
                let what = "another route has the same host and path";
                return Err(Mistake::at(
                    source,
                    route.span(),
                    format!("routes[{at}]"),
                    what,
                ));
            }
        }
        Ok(())
    }
}

fn check_pool(key: &str, pool: &Spanned<Pool>, source: (&str, &str)) -> Result<(), Mistake> {
    let span = pool.span();
    let pool = pool.as_ref();
    let mistake = |span, name: &str, what: &str| {
        Err(Mistake::at(source, span, format!("{key}.{name}"), what))
    };
    match (&pool.watch, &pool.watch_url) {
        (Some(_), Some(url)) => {
            return mistake(url.span(), "watch_url", "expected this or watch, not both");
        }
        (None, None) if pool.backends.is_empty() => {
            return mistake(span, "backends", "expected a backend, watch or watch_url");
        }
        _ => {}
    }
    if let Some(url) = &pool.watch_url
        && !url.as_ref().starts_with("http://")
    {
        return mistake(url.span(), "watch_url", "expected http://HOST:PORT/PATH");
    }
    let mut seen = HashSet::new();
    for (at, backend) in pool.backends.iter().enumerate() {
        let target = backend.as_ref().target.to_string();
        if !seen.insert(target) {
            let name = format!("backends[{at}]");
            return mistake(backend.span(), &name, "this address is there already");
        }
        if backend.as_ref().weight > 1 && pool.policy == Policy::RoundRobin {
            let name = format!("backends[{at}].weight");
            return mistake(
                backend.span(),
                &name,
                "round-robin knows no weights: expected policy weighted",
            );
        }
    }
    let of_maglev = [
        ("hash", pool.hash.as_ref().map(Spanned::span)),
        ("max_load", pool.max_load.as_ref().map(Spanned::span)),
    ];
    for (name, span) in of_maglev {
        if let Some(span) = span
            && pool.policy != Policy::Maglev
        {
            return mistake(span, name, "expected policy maglev beside it");
        }
    }
    if let Some(overall) = &pool.timeouts.overall {
        let shortest = pool.timeouts.connect.0.0;
        if overall.as_ref().0.0 < shortest {
            return mistake(
                overall.span(),
                "timeouts.overall",
                "expected no less than connect",
            );
        }
    }
    if let Some(tls) = &pool.tls
        && tls.server_name.is_empty()
    {
        return mistake(
            span,
            "tls.server_name",
            "expected the name in the backends' certificates",
        );
    }
    Ok(())
}
