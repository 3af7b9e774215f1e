//! WebSocket (RFC 6455) and its compression (RFC 7692).
//!
//! ```text
//! handshake.rs  extension.rs  accept_key.rs      a request becomes a WebSocket (§4, §9)
//! opcode.rs  frame.rs  mask.rs  utf8.rs          a frame (§5.2, §5.3, §8.1)
//! message.rs  collect.rs                         a message and its parts (§5.4)
//! connection/  state.rs  socket.rs               a connection (§5.4 to §7)
//! close.rs  error.rs                             its end (§7)
//! deflate/                                       what is smaller on the wire
//! ```

pub mod accept_key;
pub mod close;
mod collect;
mod connection;
pub mod deflate;
mod error;
pub mod extension;
pub mod frame;
mod handshake;
mod mask;
mod message;
mod opcode;
mod role;
mod sha1;
mod socket;
mod state;
mod utf8;

pub use close::CloseCode;
pub use collect::{Collected, Collector, Store};
pub(crate) use connection::Next;
pub use connection::{Closed, Connection, Event};
pub use error::{Error, LimitError, ProtocolError, TimeoutError};
pub use extension::{Agreement, Deflate};
pub use handshake::{
    Agreed, AnswerError, Handshake, HandshakeError, Opened, Opening, Origins, Terms,
};
pub use mask::{Mask, mask};
pub use message::{Kind, Message, Part, Place};
pub use opcode::Opcode;
pub use role::Role;
pub use socket::{Rest, SendError, Socket};
pub use utf8::{InvalidUtf8, Utf8};
