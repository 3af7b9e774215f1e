//! Parsers for the values of well-known fields.

pub mod accept;
pub mod accept_encoding;
pub mod accept_language;
pub mod cache_control;
pub mod conditional;
pub mod date;
pub mod entity_tag;
pub mod media_type;
pub mod quality;
pub mod range;
