//! The client that the Autobahn suite tests: `AUTOBAHN_URL` says where its server is.
//!
//! It runs all cases, or those whose numbers are named: each is a WebSocket that sends back what comes.

use std::env;
use std::error::Error;
use std::io;

use kinglet_core::websocket::{Deflate, Message};
use kinglet_hosted::{Received, WebSocketClient, WebSocketOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("AUTOBAHN_URL")?;
    let agent = env::var("AUTOBAHN_AGENT").unwrap_or_else(|_| String::from("kinglet"));
    let plain = WebSocketOptions::default();
    let deflate = WebSocketOptions {
        deflate: Some(Deflate::SERVER),
        ..plain.clone()
    };
    let mut counting = WebSocketClient::connect(&format!("{url}/getCaseCount"), &plain)?;
    let count: u32 = match counting.receive()? {
        Some(Received::Text(count)) => count.parse()?,
        other => return Err(format!("expected a count, found {other:?}").into()),
    };
    let named: Vec<u32> = env::args()
        .skip(1)
        .map(|number| number.parse())
        .collect::<Result<_, _>>()?;
    for case in (1..=count).filter(|case| named.is_empty() || named.contains(case)) {
        let target = format!("{url}/runCase?case={case}&agent={agent}");
        if let Err(error) = WebSocketClient::connect(&target, &deflate).and_then(echo) {
            println!("case {case}: {error}");
        }
    }
    let target = format!("{url}/updateReports?agent={agent}");
    WebSocketClient::connect(&target, &plain).and_then(echo)?;
    Ok(())
}

/// Sends back what comes, until the server closes.
fn echo(mut client: WebSocketClient) -> io::Result<()> {
    while let Some(received) = client.receive()? {
        match &received {
            Received::Text(text) => client.send(text.as_str())?,
            Received::Binary(data) => client.send(Message::binary(data))?,
            Received::Closed { .. } => {}
        }
    }
    Ok(())
}
