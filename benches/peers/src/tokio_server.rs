//! One current-thread runtime and one listener per thread, a task for each
//! connection.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use tokio::net::TcpStream;
use tokio::runtime::Builder;

/// Serves every connection of the listener with a task; never returns.
///
/// # Errors
/// If the runtime cannot be built or the listener not registered.
pub fn serve<F>(listener: TcpListener, connection: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(accept(listener, connection))
}

async fn accept<F>(listener: TcpListener, connection: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        socket.set_nodelay(true)?;
        tokio::spawn(connection(socket));
    }
}
