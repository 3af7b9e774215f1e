//! A table from method and path to a handler, made when the program is compiled.
//!
//! It stands on [`Application`], not in it: an application whose
//! [`request`](Application::request) calls [`Routes::dispatch`] uses it, others need not know of it.
//! A handler is a plain function; one more of them costs its own code and one row.
//!
//! ```
//! use kinglet_core::http::{Handled, Reply, Request, Status};
//! use kinglet_core::routes::{Parameters, Route, Routes};
//! use kinglet_core::Application;
//!
//! struct Shop;
//!
//! const ROUTES: Routes<Shop> = Routes::new(&[
//!     Route::get("/", Shop::welcome),
//!     Route::get("/items/{item}", Shop::item),
//! ]);
//!
//! impl Shop {
//!     fn welcome(&mut self, _: &mut (), _: &Request<'_>, _: Parameters<'_>, reply: Reply<'_>) -> Handled {
//!         reply.send(Status::OK, &[], b"welcome")
//!     }
//!
//!     fn item(&mut self, _: &mut (), _: &Request<'_>, path: Parameters<'_>, reply: Reply<'_>) -> Handled {
//!         reply.send(Status::OK, &[], path.value("item").unwrap_or_default().as_bytes())
//!     }
//! }
//!
//! impl Application for Shop {
//!     type Exchange = ();
//!
//!     fn request(&mut self, exchange: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
//!         ROUTES.dispatch(self, exchange, request, reply)
//!     }
//! }
//! ```

use crate::Application;
use crate::field;
use crate::http::{Field, Handled, Method, Reply, Request, Status, Target};
use crate::syntax::cut;
use crate::window::Writer;

/// What answers the requests of one route.
pub type Handler<A> = fn(
    &mut A,
    &mut <A as Application>::Exchange,
    &Request<'_>,
    Parameters<'_>,
    Reply<'_>,
) -> Handled;

/// One row: a method, a path pattern, and a handler.
///
/// A pattern is a path in which a segment `{name}` stands for one segment that is not empty, and a
/// last segment `{*name}` for all that is left, which may be empty. All else is compared byte by
/// byte: paths are not decoded or normalised before.
#[derive(Debug)]
pub struct Route<A: Application + ?Sized> {
    method: Method<'static>,
    pattern: &'static str,
    handler: Handler<A>,
}

impl<A: Application + ?Sized> Route<A> {
    /// A route for any method.
    #[must_use]
    pub const fn new(method: Method<'static>, pattern: &'static str, handler: Handler<A>) -> Self {
        Self {
            method,
            pattern,
            handler,
        }
    }

    /// A route for GET, and for HEAD where no other is for that.
    #[must_use]
    pub const fn get(pattern: &'static str, handler: Handler<A>) -> Self {
        Self::new(Method::Get, pattern, handler)
    }

    /// A route for POST.
    #[must_use]
    pub const fn post(pattern: &'static str, handler: Handler<A>) -> Self {
        Self::new(Method::Post, pattern, handler)
    }

    /// A route for PUT.
    #[must_use]
    pub const fn put(pattern: &'static str, handler: Handler<A>) -> Self {
        Self::new(Method::Put, pattern, handler)
    }

    /// A route for DELETE.
    #[must_use]
    pub const fn delete(pattern: &'static str, handler: Handler<A>) -> Self {
        Self::new(Method::Delete, pattern, handler)
    }
}

/// A route table.
///
/// A path without parameters goes before one with them; else the first row that fits is taken. A path
/// that no row has is answered with 404, a method that no row of the path has with 405, and OPTIONS
/// with 204, both with `Allow` (RFC 9110 §10.2.1).
#[derive(Debug)]
pub struct Routes<A: Application + ?Sized + 'static> {
    routes: &'static [Route<A>],
}

impl<A: Application + ?Sized> Routes<A> {
    /// A table of these rows.
    #[must_use]
    pub const fn new(routes: &'static [Route<A>]) -> Self {
        Self { routes }
    }

    /// Has the request answered by the handler of its route.
    pub fn dispatch(
        &self,
        application: &mut A,
        exchange: &mut A::Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let method = request.method();
        let path = request.path();
        let mut chosen: Option<&Route<A>> = None;
        let mut path_exists = false;
        for route in self.routes {
            let fit = fit(route.pattern, path);
            if fit == Fit::None {
                continue;
            }
            path_exists = true;
            let serves_head = method == Method::Head && route.method == Method::Get;
            if route.method != method && !serves_head {
                continue;
            }
            let rank = (fit, route.method == method);
            let best = chosen.map(|other| (self::fit(other.pattern, path), other.method == method));
            if best.is_none_or(|best| rank > best) {
                chosen = Some(route);
            }
            if rank == (Fit::Literal, true) {
                break;
            }
        }
        match chosen {
            Some(route) => {
                let parameters = Parameters {
                    pattern: route.pattern,
                    path,
                };
                (route.handler)(application, exchange, request, parameters, reply)
            }
            None if request.target() == Target::Asterisk => {
                self.allow(Status::NO_CONTENT, None, reply)
            }
            None if !path_exists => reply.send(Status::NOT_FOUND, &[PLAIN], b"no such resource\n"),
            None if method == Method::Options => self.allow(Status::NO_CONTENT, Some(path), reply),
            None => self.allow(Status::METHOD_NOT_ALLOWED, Some(path), reply),
        }
    }

    /// Whether one of the first `count` routes is for `path`, or anywhere, and for `method`.
    fn has(&self, count: usize, path: Option<&str>, method: Method<'_>) -> bool {
        let mut routes = self.routes.iter().take(count);
        routes.any(|route| route.method == method && is_on(route, path))
    }

    /// Answers with the methods that there are for `path`, or anywhere.
    fn allow(&self, status: Status, path: Option<&str>, reply: Reply<'_>) -> Handled {
        let mut bytes = [0; MAX_ALLOW_LEN];
        let mut writer = Writer::new(&mut bytes);
        writer.put(b"OPTIONS");
        for (index, route) in self.routes.iter().enumerate() {
            if !is_on(route, path) || self.has(index, path, route.method) {
                continue;
            }
            writer.put(b", ").put(route.method.as_str().as_bytes());
            if route.method == Method::Get && !self.has(self.routes.len(), path, Method::Head) {
                writer.put(b", HEAD");
            }
        }
        let len = writer.len().unwrap_or(0);
        let methods = bytes.get(..len).unwrap_or_default();
        match Field::new("Allow", methods) {
            Ok(allow) if status == Status::NO_CONTENT => reply.send(status, &[allow], b""),
            Ok(allow) => reply.send(status, &[allow, PLAIN], b"method not allowed\n"),
            Err(_) => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
        }
    }
}

/// Whether the route is one for `path`, or for anything.
fn is_on<A: Application + ?Sized>(route: &Route<A>, path: Option<&str>) -> bool {
    path.is_none_or(|path| fit(route.pattern, path) != Fit::None)
}

const PLAIN: Field<'_> = field!("Content-Type", "text/plain");

/// Bytes for the value of `Allow`: all registered methods fit.
const MAX_ALLOW_LEN: usize = 256;

/// The segments of a path that a pattern's parameters stand for.
///
/// Nothing is stored: a look-up walks pattern and path side by side.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    pattern: &'static str,
    path: &'a str,
}

impl<'a> Parameters<'a> {
    /// What `{name}` or `{*name}` stands for, as it was sent; see
    /// [`percent`](crate::syntax::percent) for decoding.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        let mut pattern = Some(self.pattern);
        let mut path = self.path;
        while let Some((segment, others)) = pattern.map(split_segment) {
            if segment.starts_with("{*") {
                return (parameter(segment, "{*") == Some(name)).then_some(path);
            }
            let (first, rest) = split_segment(path);
            if parameter(segment, "{") == Some(name) {
                return Some(first);
            }
            pattern = others;
            path = rest.unwrap_or_default();
        }
        None
    }
}

/// How well a path fits a pattern, from not at all to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    None,
    /// With parameters.
    Pattern,
    /// To the letter.
    Literal,
}

fn fit(pattern: &str, path: &str) -> Fit {
    if pattern == path {
        return Fit::Literal;
    }
    if !pattern.bytes().any(|byte| byte == b'{') {
        return Fit::None;
    }
    let (mut pattern, mut path) = (Some(pattern), Some(path));
    loop {
        match (pattern.map(split_segment), path.map(split_segment)) {
            (None, None) => return Fit::Pattern,
            (Some((part, _)), Some(_)) if part.starts_with("{*") => return Fit::Pattern,
            (Some((part, parts)), Some((segment, segments)))
                if part == segment || (part.starts_with('{') && !segment.is_empty()) =>
            {
                (pattern, path) = (parts, segments);
            }
            _ => return Fit::None,
        }
    }
}

/// The text up to the first `/`, and what follows that.
fn split_segment(path: &str) -> (&str, Option<&str>) {
    cut(path, b'/')
}

/// The name in a pattern's segment that begins with `open` and ends with `}`.
fn parameter<'p>(segment: &'p str, open: &str) -> Option<&'p str> {
    segment.strip_prefix(open)?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_paths() {
        let rows = [
            ("/", "/", Fit::Literal),
            ("/a", "/a", Fit::Literal),
            ("/a", "/a/", Fit::None),
            ("/{x}", "/a", Fit::Pattern),
            ("/{x}", "/", Fit::None),
            ("/{x}", "/a/b", Fit::None),
            ("/a/{x}/c", "/a/b/c", Fit::Pattern),
            ("/a/{x}/c", "/a/b/d", Fit::None),
            ("/files/{*rest}", "/files/a/b", Fit::Pattern),
            ("/files/{*rest}", "/files/", Fit::Pattern),
            ("/files/{*rest}", "/files", Fit::None),
        ];
        for (pattern, path, expected) in rows {
            assert_eq!(fit(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn parameters_are_looked_up_by_name() {
        let parameters = Parameters {
            pattern: "/a/{x}/{*rest}",
            path: "/a/1/b/c",
        };
        assert_eq!(parameters.value("x"), Some("1"));
        assert_eq!(parameters.value("rest"), Some("b/c"));
        assert_eq!(parameters.value("y"), None);
        assert_eq!(parameters.value("*rest"), None);
    }
}
