//! fastwebsockets on a corked socket; it writes each frame by itself otherwise.

mod corked;
mod handshake;

use std::future::{poll_fn, ready};
use std::io;

use bytes::Bytes;
use corked::Corked;
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, Role, WebSocket,
    WebSocketError, WebSocketWrite, after_handshake_split,
};
use kinglet_peers::room::{Room, Seat};
use kinglet_peers::{CHAT, Options, run_per_thread, tokio_server};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

/// A frame for many: its bytes are shared.
type Shared = (OpCode, Bytes);

thread_local! {
    static ROOM: Room<Shared> = const { Room::new() };
}

fn main() -> io::Result<()> {
    run_per_thread(Options::from_command_line(), |listener| {
        tokio_server::serve(listener, connection)
    })
}

async fn connection(mut socket: TcpStream) {
    // A connection that its client breaks off is no concern of a benchmark.
    if let Ok(path) = handshake::accept(&mut socket).await {
        if path == CHAT {
            drop(chat(socket).await);
        } else {
            drop(echo(socket).await);
        }
    }
}

async fn echo(socket: TcpStream) -> Result<(), WebSocketError> {
    let mut connection = WebSocket::after_handshake(Corked::new(socket), Role::Server);
    // Straight into the cork, not by way of a buffer of the library's own.
    connection.set_writev_threshold(0);
    let mut connection = FragmentCollector::new(connection);
    loop {
        let frame = connection.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => {
                let answer = Frame::new(true, frame.opcode, None, frame.payload);
                connection.write_frame(answer).await?;
            }
            OpCode::Close => return Ok(()),
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}

async fn chat(socket: TcpStream) -> Result<(), WebSocketError> {
    let (read, write) = socket.into_split();
    let (reader, mut writer) = after_handshake_split(read, Corked::new(write), Role::Server);
    writer.set_writev_threshold(0);
    let mut reader = FragmentCollectorRead::new(reader);
    let seat = std::sync::Arc::new(Seat::take(&ROOM));
    let writing = tokio::spawn(forward(seat.clone(), writer));
    let result = async {
        // The answer to a ping goes the way of all that is sent.
        let mut answer = |frame: Frame<'_>| {
            seat.keep((frame.opcode, Bytes::copy_from_slice(&frame.payload)));
            ready(Ok::<(), WebSocketError>(()))
        };
        loop {
            let frame = reader.read_frame(&mut answer).await?;
            match frame.opcode {
                OpCode::Text | OpCode::Binary => {
                    seat.publish(&(frame.opcode, shared(frame.payload)))
                }
                OpCode::Close => return Ok(()),
                OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
            }
        }
    }
    .await;
    writing.abort();
    result
}

/// Sends what comes to the seat, as much as there is with one write.
async fn forward(
    seat: std::sync::Arc<Seat<Shared>>,
    mut writer: WebSocketWrite<Corked<OwnedWriteHalf>>,
) {
    loop {
        let mut next = Some(poll_fn(|context| seat.poll_next(context)).await);
        while let Some((opcode, bytes)) = next {
            let frame = Frame::new(true, opcode, None, Payload::Borrowed(&bytes));
            if writer.write_frame(frame).await.is_err() {
                return;
            }
            next = seat.next_now();
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
}

fn shared(payload: Payload<'_>) -> Bytes {
    match payload {
        Payload::Bytes(bytes) => bytes.freeze(),
        Payload::Owned(bytes) => bytes.into(),
        Payload::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        Payload::BorrowedMut(bytes) => Bytes::copy_from_slice(bytes),
    }
}
