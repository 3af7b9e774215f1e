//! The rooms of `examples/websocket_chat`.

#[path = "../examples/websocket_chat/rooms.rs"]
mod rooms;

use rooms::{Rooms, line, notice};

#[test]
fn names_are_told_apart_and_free_again() {
    let rooms = Rooms::default();
    let (ann, _) = rooms.enter("lobby", "Ann");
    let (other, _) = rooms.enter("lobby", "Ann");
    assert_eq!((ann.name(), other.name()), ("Ann", "Ann 2"));
    // Another room has its own.
    assert_eq!(rooms.enter("cellar", "Ann").0.name(), "Ann");
    assert_eq!(rooms.names("lobby"), ["Ann", "Ann 2"]);
    assert_eq!(rooms.leave("lobby", &ann), ["Ann 2"]);
    assert_eq!(rooms.enter("lobby", "Ann").0.name(), "Ann");
}

#[test]
fn a_room_remembers_its_last_lines_while_somebody_is_there() {
    let rooms = Rooms::default();
    let (seat, history) = rooms.enter("lobby", "Ann");
    assert!(history.is_empty());
    for number in 0..30 {
        rooms.remember("lobby", &number.to_string());
    }
    let (other, history) = rooms.enter("lobby", "Bob");
    let last: Vec<String> = (10..30).map(|number| number.to_string()).collect();
    assert_eq!(history, last);
    rooms.leave("lobby", &seat);
    rooms.leave("lobby", &other);
    assert!(rooms.enter("lobby", "Ann").1.is_empty());
    rooms.remember("nowhere", "lost");
    assert!(rooms.names("nowhere").is_empty());
}

#[test]
fn what_is_said_is_json_whatever_it_is() {
    assert_eq!(line("A\"", "<b>"), r#"{"from":"A\"","text":"<b>"}"#);
    let here = [String::from("A")];
    assert_eq!(
        notice("A", "is here", &here),
        r#"{"here":["A"],"notice":"A is here"}"#
    );
}
