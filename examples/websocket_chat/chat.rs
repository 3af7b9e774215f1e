//! The chat: what a client may say, and whom it is passed on to.
//!
//! ```text
//! client                                          server
//! {"join":"garden","name":"Ann"}      -->
//!                                     <--         {"here":["Bob","Ann"],"history":[...]}
//!                                                 {"came":"Ann"}                  to the others
//! {"say":"Good morning"}              -->
//!                                     <--         {"name":"Ann","said":"Good morning"}   to all
//!                                     <--         {"error":"..."}    to one that was not understood
//! ```
//!
//! A WebSocket belongs to one reactor thread, and a room to none: its members are subscribed to a topic,
//! which passes messages on to all threads. Who is here and what was said last is shared by all threads
//! behind one lock. It is held while something is published, too, so that all members see the same order
//! and one who joins misses nothing: what was said before is in the history, what is said after comes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kinglet_core::http::{Field, Handled, Method, Reply, Request, Status};
use kinglet_core::websocket::{
    CloseCode, Closed, Collected, Collector, Message, Origins, Part, Socket, Terms,
};
use kinglet_core::{Application, field};
use kinglet_hosted::{Handle, HeapStore};
use serde_json::{Value, json};

/// Bytes of a message of a client. Over it: close code 1009.
pub(crate) const MAX_MESSAGE_LEN: u64 = 4096;
/// Characters of what is said, and of names.
const MAX_TEXT_LEN: usize = 500;
const MAX_NAME_LEN: usize = 20;
/// What is kept of a room that somebody is in.
const MAX_HISTORY: usize = 20;
const MAX_ROOMS: usize = 1000;
const MAX_MEMBERS: usize = 200;
/// One who says more at once, and then more often than once in this time, is asked to wait.
const BURST: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(1);
/// The close code for one who cannot join: of those for private use (RFC 6455 §7.4.2).
const CANNOT_JOIN: CloseCode = CloseCode::new(4000);

/// One thread's application.
#[derive(Debug)]
pub(crate) struct Chat {
    handle: Handle,
    rooms: Arc<Rooms>,
}

/// All rooms that somebody is in, by name. A room goes with its last member.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<String, Room>>);

#[derive(Debug, Default)]
struct Room {
    members: Vec<String>,
    history: VecDeque<Value>,
}

/// What is remembered of a WebSocket.
#[derive(Debug)]
pub(crate) struct Visitor {
    message: Collector<HeapStore>,
    /// The room and the name in it, after the first message.
    joined: Option<(String, String)>,
    allowance: Allowance,
}

/// How much may be said now: `BURST` at once, and one more for each `INTERVAL` that passes.
#[derive(Debug)]
struct Allowance {
    left: u32,
    since: Option<Instant>,
}

impl Default for Visitor {
    fn default() -> Self {
        Self {
            message: Collector::new(HeapStore::new(MAX_MESSAGE_LEN as u32)),
            joined: None,
            allowance: Allowance::FULL,
        }
    }
}

impl Application for Chat {
    type Exchange = Visitor;

    fn request(&mut self, _: &mut Visitor, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const HTML: Field<'_> = field!("Content-Type", "text/html; charset=utf-8");
        const SCRIPT: Field<'_> = field!("Content-Type", "text/javascript; charset=utf-8");
        const POLICY: Field<'_> = field!(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        const NO_SNIFFING: Field<'_> = field!("X-Content-Type-Options", "nosniff");
        let page = include_bytes!("assets/page.html");
        let script = include_bytes!("assets/page.js");
        if !matches!(request.method(), Method::Get | Method::Head) {
            let allow = field!("Allow", "GET, HEAD");
            return reply.send(Status::METHOD_NOT_ALLOWED, &[allow], b"");
        }
        match request.path() {
            "/" => reply.send_static(Status::OK, &[HTML, POLICY, NO_SNIFFING], page),
            "/page.js" => reply.send_static(Status::OK, &[SCRIPT, NO_SNIFFING], script),
            "/ws" => {
                let terms = Terms {
                    origins: Origins::Same,
                    ..Terms::ANY
                };
                reply.websocket(request, &terms)
            }
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn message(&mut self, visitor: &mut Visitor, part: Part<'_>, socket: &mut Socket<'_>) {
        let command = match visitor.message.push(part) {
            Collected::Message(message) => Command::parse(message),
            Collected::Partly => return,
            Collected::TooLong => return socket.refuse_long_message(),
        };
        visitor.message.clear();
        let result = match (command, &visitor.joined) {
            (Some(Command::Join { room, name }), None) => self.join(visitor, room, name, socket),
            (Some(Command::Say(text)), Some((room, name))) => visitor
                .allowance
                .take(Instant::now())
                .map(|()| self.say(room, name, &text)),
            _ => Err("this was not understood"),
        };
        if let Err(mistake) = result {
            tell(socket, &json!({ "error": mistake }));
        }
    }

    fn closed(&mut self, visitor: &mut Visitor, _: Closed<'_>) {
        if let Some((room, name)) = visitor.joined.take() {
            self.leave(&room, &name);
        }
    }
}

impl Chat {
    pub(crate) fn new(handle: Handle, rooms: Arc<Rooms>) -> Self {
        Self { handle, rooms }
    }

    fn join(
        &self,
        visitor: &mut Visitor,
        room: String,
        name: String,
        socket: &mut Socket<'_>,
    ) -> Result<(), &'static str> {
        let mut rooms = self.rooms.lock();
        let there = rooms.get(&room);
        let refusal = if there.is_none() && rooms.len() >= MAX_ROOMS {
            Some("there are too many rooms")
        } else if there.is_some_and(|there| there.members.len() >= MAX_MEMBERS) {
            Some("the room is full")
        } else if there.is_some_and(|there| there.members.contains(&name)) {
            Some("somebody of this name is here already")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return socket
                .close(CANNOT_JOIN, refusal)
                .map_err(|_| "this cannot be joined");
        }
        let there = rooms.entry(room.clone()).or_default();
        there.members.push(name.clone());
        tell(
            socket,
            &json!({ "here": there.members, "history": there.history }),
        );
        // What others publish once the lock is free stands behind this in the mail of this thread.
        self.handle.subscribe(socket.ticket(), &room);
        let came = json!({ "came": name }).to_string();
        self.handle
            .publish_to_others(socket.ticket(), &room, came.as_str());
        visitor.joined = Some((room, name));
        Ok(())
    }

    fn say(&self, room: &str, name: &str, text: &str) {
        let said = json!({ "name": name, "said": text });
        let mut rooms = self.rooms.lock();
        if let Some(there) = rooms.get_mut(room) {
            self.handle.publish(room, said.to_string().as_str());
            if there.history.len() == MAX_HISTORY {
                there.history.pop_front();
            }
            there.history.push_back(said);
        }
    }

    fn leave(&self, room: &str, name: &str) {
        let mut rooms = self.rooms.lock();
        if let Some(there) = rooms.get_mut(room) {
            there.members.retain(|member| member != name);
            if there.members.is_empty() {
                rooms.remove(room);
            } else {
                self.handle
                    .publish(room, json!({ "left": name }).to_string().as_str());
            }
        }
    }
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        // Each change is whole before anything can fail, so a thread that panicked has broken nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client wants.
#[derive(Debug)]
enum Command {
    Join { room: String, name: String },
    Say(String),
}

impl Command {
    /// Reads a message; `None` where it is no command, or one with a text that is too long or empty.
    fn parse(message: Message<'_>) -> Option<Self> {
        let value: Value = serde_json::from_str(message.as_text()?).ok()?;
        let text = |name: &str, max_len| {
            let text = value.get(name)?.as_str()?.trim();
            let is_fine = !text.is_empty()
                && text.chars().count() <= max_len
                && !text.chars().any(char::is_control);
            is_fine.then(|| text.to_owned())
        };
        if value.get("join").is_some() {
            let (room, name) = (text("join", MAX_NAME_LEN)?, text("name", MAX_NAME_LEN)?);
            Some(Self::Join { room, name })
        } else {
            text("say", MAX_TEXT_LEN).map(Self::Say)
        }
    }
}

impl Allowance {
    const FULL: Self = Self {
        left: BURST,
        since: None,
    };

    /// Takes one off what may be said, if there is any.
    fn take(&mut self, now: Instant) -> Result<(), &'static str> {
        let since = *self.since.get_or_insert(now);
        let earned = now.duration_since(since).as_secs() / INTERVAL.as_secs();
        if earned > 0 {
            self.left = BURST.min(self.left.saturating_add(earned.try_into().unwrap_or(BURST)));
            self.since = Some(now);
        }
        self.left = self.left.checked_sub(1).ok_or("wait a moment")?;
        Ok(())
    }
}

/// Sends a message to one WebSocket.
fn tell(socket: &mut Socket<'_>, value: &Value) {
    // What does not fit or comes too late is for one who is not reading, or is gone.
    let _ = socket.send(value.to_string().as_str());
}
