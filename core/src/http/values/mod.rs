//! Parsers for the values of well-known fields.
