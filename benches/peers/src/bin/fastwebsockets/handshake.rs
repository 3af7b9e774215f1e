//! The opening handshake. The library has one as well, but on hyper, whose
//! upgraded stream is a boxed one: slower, and larger, than the socket itself.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a request's head at most.
const MAX_HEAD_LEN: usize = 4096;

/// Answers the client's handshake; returns the path of its request.
pub(crate) async fn accept(socket: &mut TcpStream) -> io::Result<String> {
    let mut received = Vec::new();
    let (path, key) = loop {
        if let Some(found) = path_and_key(&received)? {
            break found;
        }
        if received.len() >= MAX_HEAD_LEN || socket.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let hash = sha1_smol::Sha1::from(format!("{key}{GUID}"))
        .digest()
        .bytes();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(hash),
    );
    socket.write_all(answer.as_bytes()).await?;
    Ok(path)
}

/// Both, or `None` if more bytes are needed.
fn path_and_key(received: &[u8]) -> io::Result<Option<(String, String)>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut fields);
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    match request.parse(received) {
        Ok(httparse::Status::Partial) => return Ok(None),
        // A client waits for the answer before it sends frames.
        Ok(httparse::Status::Complete(len)) if len == received.len() => {}
        Ok(httparse::Status::Complete(_)) | Err(_) => return Err(wrong()),
    }
    let key = request
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("sec-websocket-key"))
        .and_then(|field| str::from_utf8(field.value).ok())
        .ok_or_else(wrong)?;
    let path = request.path.ok_or_else(wrong)?;
    Ok(Some((path.to_owned(), key.to_owned())))
}
