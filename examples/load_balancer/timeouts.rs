//! How long each part of an exchange with a backend may take.
//!
//! ```text
//!  |-- connect --|-- response head, for each try --|- idle -|- idle -|      between bytes
//!  |---------------------------- overall ----------------------------|
//! ```

use crate::time::Millis;

/// How long each part may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until there is a connection, with TLS where that is spoken.
    pub(crate) connect: Millis,
    /// From the end of the request to the end of the response's head, for each try.
    pub(crate) response_head: Millis,
    /// Without a byte in either direction, once content is passed.
    pub(crate) idle: Millis,
    /// From the request's head to the end of the response, all tries included; `None` for any time. A
    /// WebSocket is over when it is over.
    pub(crate) overall: Option<Millis>,
}
