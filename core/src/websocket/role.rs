//! Which side of a connection we are.

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum Role {
    /// The one that sent the opening handshake; it masks what it sends.
    Client,
    /// The one that accepted it.
    Server,
}
