//! Which pool a request goes to, by its host and its path.
//!
//! ```text
//!  host    the name itself, then *.suffix from the longest on, then any host
//!  path    of these, the longest prefix that ends where a segment does:
//!          /api is a prefix of /api and /api/x, and not of /apix
//! ```
//!
//! Where a host has no prefix that fits, the next host that fits is looked at. The path is taken as it
//! was sent: a path with dot segments could be one thing here and another for the backend, so it has no
//! route.

use std::collections::HashMap;

use kinglet_core::http::values::dot_segments::has_dot_segments;

/// All routes, with what each leads to.
#[derive(Clone, Debug)]
pub(crate) struct Routes<T> {
    /// By names in lower case.
    exact: HashMap<String, Prefixes<T>>,
    /// By what follows the `*`, with its dot.
    suffixes: HashMap<String, Prefixes<T>>,
    any: Prefixes<T>,
}

/// The longest first.
type Prefixes<T> = Vec<(String, T)>;

/// Which hosts a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Any,
    /// `example.com`.
    Name(String),
    /// `*.example.com`, here with its dot and without the `*`: names with a label or more before that.
    Suffix(String),
}

/// The longest name that is looked up, in bytes (RFC 1035 §2.3.4).
const MAX_NAME_LEN: usize = 253;

impl Host {
    /// The host that a configuration names; `None` where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &str| {
            let is_label = |label: &str| {
                let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
                !label.is_empty() && label.bytes().all(is_byte)
            };
            name.len() <= MAX_NAME_LEN && name.split('.').all(is_label)
        };
        let is_address = text.starts_with('[') && text.parse::<core::net::SocketAddr>().is_err();
        match text.strip_prefix('*') {
            None if is_name(text) || (is_address && text.ends_with(']')) => {
                Some(Self::Name(text.to_ascii_lowercase()))
            }
            None => None,
            Some("") => Some(Self::Any),
            Some(suffix) => {
                let name = suffix.strip_prefix('.').filter(|name| is_name(name))?;
                Some(Self::Suffix(format!(".{}", name.to_ascii_lowercase())))
            }
        }
    }
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            suffixes: HashMap::new(),
            any: Vec::new(),
        }
    }
}

impl<T> Routes<T> {
    /// Adds a route, or gives back what it would lead to where there is one for the same host and prefix.
    pub(crate) fn add(&mut self, host: Host, prefix: String, to: T) -> Result<(), T> {
        let prefixes = match host {
            Host::Any => &mut self.any,
            Host::Name(name) => self.exact.entry(name).or_default(),
            Host::Suffix(suffix) => self.suffixes.entry(suffix).or_default(),
        };
        if prefixes.iter().any(|(other, _)| *other == prefix) {
            return Err(to);
        }
        let at = prefixes.partition_point(|(other, _)| other.len() > prefix.len());
        prefixes.insert(at, (prefix, to));
        Ok(())
    }

    /// Where a request for this authority and path goes. A path of `*` goes where `/` does.
    pub(crate) fn find(&self, authority: &str, path: &str) -> Option<&T> {
        if has_dot_segments(path.as_bytes()) {
            return None;
        }
        let path = if path == "*" { "/" } else { path };
        let mut lower = [0; MAX_NAME_LEN];
        let name = name_of(authority, &mut lower);
        let exact = self.exact.get(name).into_iter();
        let suffixes = name.match_indices('.').map(|(at, _)| &name[at..]);
        let suffixes = suffixes
            .filter(|_| !self.suffixes.is_empty())
            .filter_map(|suffix| self.suffixes.get(suffix));
        let mut hosts = exact.chain(suffixes).chain([&self.any]);
        hosts.find_map(|prefixes| {
            let found = prefixes.iter().find(|(prefix, _)| covers(prefix, path));
            found.map(|(_, to)| to)
        })
    }
}

/// Whether `path` is `prefix`, or goes on behind it with another segment.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

/// The host of an authority in lower case, without its port and the dot of the root. One that is longer
/// than any name is none.
fn name_of<'a>(authority: &str, lower: &'a mut [u8; MAX_NAME_LEN]) -> &'a str {
    let end = match authority.rfind(']') {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let name = &authority[..end];
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some(lower) = lower.get_mut(..name.len()) else {
        return "";
    };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    str::from_utf8(lower).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(rows: &[(&str, &str)]) -> Routes<String> {
        let mut routes = Routes::default();
        for (host, prefix) in rows {
            let to = format!("{host}{prefix}");
            let host = Host::parse(host).unwrap();
            routes.add(host, (*prefix).to_owned(), to).unwrap();
        }
        routes
    }

    #[test]
    fn the_narrowest_host_and_the_longest_prefix() {
        let routes = routes(&[
            ("*", "/"),
            ("*", "/api"),
            ("Example.com", "/"),
            ("example.com", "/api/"),
            ("*.example.com", "/"),
            ("*.example.com", "/api"),
            ("*.b.example.com", "/x"),
            ("[::1]", "/"),
        ]);
        for (authority, path, expected) in [
            ("other.org", "/", "*/"),
            ("other.org", "/api", "*/api"),
            ("other.org", "/api/", "*/api"),
            ("other.org", "/apix", "*/"),
            ("other.org", "*", "*/"),
            ("", "/a", "*/"),
            ("EXAMPLE.com:8080", "/", "Example.com/"),
            ("example.com.", "/api", "Example.com/"),
            ("example.com.:80", "/api/x", "example.com/api/"),
            ("a.example.com", "/api/x", "*.example.com/api"),
            ("a.b.c.example.com", "/", "*.example.com/"),
            ("a.b.example.com", "/x/y", "*.b.example.com/x"),
            ("a.b.example.com", "/y", "*.example.com/"),
            ("notexample.com", "/", "*/"),
            ("[::1]:8080", "/", "[::1]/"),
            ("[::1]", "/", "[::1]/"),
        ] {
            let found = routes.find(authority, path).map(String::as_str);
            assert_eq!(found, Some(expected), "{authority} {path}");
        }
        let long = "a".repeat(300);
        assert_eq!(routes.find(&long, "/").map(String::as_str), Some("*/"));
    }

    #[test]
    fn what_no_route_is_for_has_none() {
        let routes = routes(&[("example.com", "/a"), ("*.example.com", "/")]);
        for (authority, path) in [
            ("example.com", "/"),
            ("example.com", "/ab"),
            ("example.org", "/a"),
            ("", "/a"),
            ("a.example.com", "/x/../a"),
            ("a.example.com", "/x/%2e%2E/a"),
            ("a.example.com", "/./a"),
        ] {
            assert_eq!(routes.find(authority, path), None, "{authority} {path}");
        }
    }

    #[test]
    fn there_is_one_route_for_a_host_and_prefix() {
        let mut routes = routes(&[("*.a", "/x")]);
        let host = Host::parse("*.A").unwrap();
        assert_eq!(
            routes.add(host, String::from("/x"), String::from("b")),
            Err(String::from("b"))
        );
    }

    #[test]
    fn hosts_are_names_and_wildcards() {
        for text in [
            "example.com",
            "localhost",
            "a-b_c.d",
            "127.0.0.1",
            "[::1]",
            "*",
            "*.a",
        ] {
            assert!(Host::parse(text).is_some(), "{text}");
        }
        for text in [
            "", ".", "a..b", "a.", "a:80", "*a", "*.", "a.*", "a b", "*.*.a", "[::1]:80", "[::1",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }
}
