//! HTTP semantics (RFC 9110) and HTTP/1.1 syntax (RFC 9112).

pub mod values;
