//! Who is in which room, and what was said there last; shared by all threads.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All rooms. The lock is held for a few look-ups and never while anything is sent.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<String, Room>>);

#[derive(Debug, Default)]
struct Room {
    /// Names by when they came.
    guests: BTreeMap<u64, String>,
    next: u64,
    history: VecDeque<String>,
}

/// A guest's place in a room.
#[derive(Debug)]
pub(crate) struct Seat {
    number: u64,
    name: String,
}

/// How many lines a room remembers.
const MAX_HISTORY: usize = 20;

impl Seat {
    /// The name that the guest goes by in this room.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Rooms {
    /// Takes a guest in, under a name that nobody else there has; with what was said last.
    pub(crate) fn enter(&self, room: &str, name: &str) -> (Seat, Vec<String>) {
        let mut rooms = self.lock();
        let room = rooms.entry(room.to_owned()).or_default();
        let mut unique = name.to_owned();
        let mut count = 1;
        while room.guests.values().any(|other| *other == unique) {
            count += 1;
            unique = format!("{name} {count}");
        }
        let number = room.next;
        room.next += 1;
        room.guests.insert(number, unique.clone());
        let seat = Seat {
            number,
            name: unique,
        };
        (seat, room.history.iter().cloned().collect())
    }

    /// Lets a guest out, and answers who is still there. An empty room is forgotten.
    pub(crate) fn leave(&self, room: &str, seat: &Seat) -> Vec<String> {
        let mut rooms = self.lock();
        let Some(left) = rooms.get_mut(room) else {
            return Vec::new();
        };
        left.guests.remove(&seat.number);
        let names: Vec<String> = left.guests.values().cloned().collect();
        if names.is_empty() {
            rooms.remove(room);
        }
        names
    }

    /// Who is in a room.
    pub(crate) fn names(&self, room: &str) -> Vec<String> {
        let rooms = self.lock();
        let guests = rooms.get(room).map(|room| room.guests.values());
        guests.into_iter().flatten().cloned().collect()
    }

    pub(crate) fn remember(&self, room: &str, line: &str) {
        if let Some(room) = self.lock().get_mut(room) {
            room.history.push_back(line.to_owned());
            if room.history.len() > MAX_HISTORY {
                room.history.pop_front();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that a guest says.
pub(crate) fn line(name: &str, text: &str) -> String {
    serde_json::json!({ "from": name, "text": text }).to_string()
}

/// A line about a guest, and who is there.
pub(crate) fn notice(name: &str, what: &str, here: &[String]) -> String {
    serde_json::json!({ "notice": format!("{name} {what}"), "here": here }).to_string()
}
