//! Parsers for the values of well-known fields.

pub mod date;
pub mod media_type;
pub mod quality;
