//! The chat example, over real sockets and two threads.

#[path = "../examples/websocket_chat/chat.rs"]
mod chat;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use chat::{Chat, Rooms};
use kinglet_core::Limits;
use kinglet_core::websocket::CloseCode;
use kinglet_hosted::{Handle, Options, Received, Server, WebSocketClient, WebSocketOptions};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

struct Running {
    url: String,
    handle: Handle,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start() -> Self {
        let options = Options {
            threads: 2.try_into().unwrap(),
            limits: Limits {
                max_message_len: chat::MAX_MESSAGE_LEN,
                drain_timeout: Duration::from_millis(300),
                close_timeout: Duration::from_millis(300),
                ..Limits::SERVER
            },
            ..Options::default()
        };
        let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
        let url = format!("ws://{}/ws", server.local_address());
        let handle = server.handle();
        let rooms = Arc::new(Rooms::default());
        let thread = std::thread::spawn(move || {
            let handle = server.handle();
            server.run(|_| Chat::new(handle.clone(), Arc::clone(&rooms)))
        });
        Self {
            url,
            handle,
            thread,
        }
    }

    fn connect(&self) -> WebSocketClient {
        WebSocketClient::connect(&self.url, &WebSocketOptions::default()).unwrap()
    }

    /// A member of a room, and what it is told of those before it.
    fn join(&self, room: &str, name: &str) -> (WebSocketClient, Value) {
        let mut client = self.connect();
        send(&mut client, &json!({ "join": room, "name": name }));
        let told = next(&mut client);
        (client, told)
    }

    fn finish(self) {
        self.handle.drain();
        self.thread.join().unwrap().unwrap();
    }
}

fn send(client: &mut WebSocketClient, value: &Value) {
    client.send(value.to_string().as_str()).unwrap();
}

fn next(client: &mut WebSocketClient) -> Value {
    match client.receive_for(PATIENCE).unwrap() {
        Some(Received::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_of_a_room_hear_each_other_and_no_others() {
    let server = Running::start();
    let (mut ann, told) = server.join("garden", "Ann");
    assert_eq!(told, json!({ "here": ["Ann"], "history": [] }));
    let (mut bob, told) = server.join("garden", "Bob");
    assert_eq!(told, json!({ "here": ["Ann", "Bob"], "history": [] }));
    assert_eq!(next(&mut ann), json!({ "came": "Bob" }));
    let (mut eve, _) = server.join("cellar", "Ann");

    send(&mut bob, &json!({ "say": " <b>hello</b> " }));
    let said = json!({ "name": "Bob", "said": "<b>hello</b>" });
    assert_eq!(next(&mut ann), said);
    assert_eq!(next(&mut bob), said);

    let (_cleo, told) = server.join("garden", "Cleo");
    assert_eq!(told["history"], json!([said]));
    assert_eq!(next(&mut ann), json!({ "came": "Cleo" }));
    bob.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(next(&mut ann), json!({ "left": "Bob" }));

    send(&mut eve, &json!({ "say": "alone" }));
    assert_eq!(next(&mut eve)["said"], "alone");
    server.finish();
}

#[test]
fn what_is_too_much_is_refused() {
    let server = Running::start();
    let (mut ann, _) = server.join("garden", "Ann");
    for mistake in [
        json!({ "say": "x".repeat(501) }),
        json!({ "say": " " }),
        json!({ "say": "a\nb" }),
        json!({ "join": "garden", "name": "Ann" }),
        json!(["say"]),
    ] {
        send(&mut ann, &mistake);
        assert_eq!(next(&mut ann)["error"], "this was not understood");
    }
    for _ in 0..30 {
        send(&mut ann, &json!({ "say": "again" }));
    }
    let answers: Vec<Value> = (0..30).map(|_| next(&mut ann)).collect();
    let count = |name: &str| answers.iter().filter(|a| a.get(name).is_some()).count();
    assert!(count("said") >= 5 && count("error") > 0, "{answers:?}");

    let mut again = server.connect();
    send(&mut again, &json!({ "join": "garden", "name": "Ann" }));
    match again.receive_for(PATIENCE).unwrap() {
        Some(Received::Closed { code, reason, .. }) => {
            assert_eq!((code.as_u16(), reason.contains("name")), (4000, true));
        }
        other => panic!("{other:?}"),
    }
    ann.send("x".repeat(5000).as_str()).unwrap();
    match ann.receive_for(PATIENCE).unwrap() {
        Some(Received::Closed { code, .. }) => assert_eq!(code, CloseCode::MESSAGE_TOO_BIG),
        other => panic!("{other:?}"),
    }
    server.finish();
}
