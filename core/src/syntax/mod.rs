//! Stateless grammar that the protocols share.
