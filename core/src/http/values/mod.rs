//! Parsers for the values of well-known fields.

pub mod date;
pub mod quality;
