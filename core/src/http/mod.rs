//! HTTP semantics (RFC 9110) and HTTP/1.1 syntax (RFC 9112).

mod chunked;
pub mod client;
mod content;
pub mod emit;
mod error;
pub mod event_stream;
mod field;
mod framing;
mod head;
mod method;
mod reply;
mod response;
mod section;
pub mod server;
mod state;
mod status;
mod stream;
mod target;
pub mod values;
mod version;

pub use content::{Decoder, Piece};
pub use error::{Error, LimitError, SyntaxError, TimeoutError};
pub use field::{Field, FieldBuf, FieldError, FieldLine, Fields, field_line};
pub use framing::Framing;
pub use head::{Request, RequestParser};
pub use method::Method;
pub use reply::{Handled, Length, Reply, Ticket};
pub use response::{Response, ResponseParser};
pub use server::Part;
pub use status::Status;
pub use stream::Stream;
pub use target::Target;
pub use version::Version;
