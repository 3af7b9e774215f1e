//! Our own vectors: `tests/vectors/*.txt`, each row of which is replayed in many ways.
//!
//! Whole, byte by byte, and split in two at every point; followed by further bytes; with as little
//! room for output as the limits allow, and to a client that takes one byte at a time. However the
//! bytes come and go, the application is told the same and the client gets the same.

mod support;

use support::escape::escape;
use support::link::{Link, State};
use support::recorder::Recorder;
use support::vectors::{self, Row, Then};

#[test]
fn every_row_holds_however_its_bytes_come_and_go() {
    let rows = vectors::load();
    assert!(rows.len() > 100, "only {} rows", rows.len());
    let failures: Vec<String> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} rows\n{}",
        failures.len(),
        rows.len(),
        failures.join("\n")
    );
}

#[test]
fn a_row_that_is_wrong_does_not_hold() {
    let wrong = [
        (
            "request GET origin /x 1.1 a",
            "answer 200 \"ok\"",
            "then open",
        ),
        (
            "request GET origin / 1.1 a",
            "answer 200 \"no\"",
            "then open",
        ),
        (
            "request GET origin / 1.1 a",
            "answer 200 \"ok\"",
            "then close",
        ),
    ];
    for (event, answer, then) in wrong {
        let text = format!(
            "## title (RFC 9112 §3)\n> GET / HTTP/1.1\\r\\n\n> Host: a\\r\\n\n> \\r\\n\n\
             {event}\n{answer}\n{then}\n"
        );
        let rows = vectors::parse("inline", &text).expect("a row");
        assert!(check(&rows[0]).is_err(), "{event} {answer} {then}");
    }
    for text in [
        "> x\n",
        "## no section\n",
        "## a (RFC 1 §1)\nthen\n",
        "## a (RFC 1 §1)\n> x\n",
    ] {
        assert!(vectors::parse("inline", text).is_err(), "{text}");
    }
}

/// How the bytes come and go.
#[derive(Clone, Debug)]
struct Manner {
    /// Lengths up to which the input has come.
    feed: Vec<usize>,
    /// Bytes of room in the output.
    room: usize,
    /// How many bytes the client takes at a time.
    bite: usize,
}

fn check(row: &Row) -> Result<(), String> {
    let len = row.input.len();
    let bytes: Vec<usize> = (1..=len).collect();
    let least = usize::from(row.limits.min_room);
    let roomy = |feed| Manner {
        feed,
        room: 4096,
        bite: usize::MAX,
    };
    let mut manners = vec![roomy(vec![len]), roomy(bytes.clone())];
    manners.extend((1..len).map(|split| roomy(vec![split, len])));
    for room in [least, least + 1, 2 * least] {
        for feed in [vec![len], bytes.clone()] {
            manners.extend([1, 7, usize::MAX].map(|bite| Manner {
                feed: feed.clone(),
                room,
                bite,
            }));
        }
    }
    println!("{}", row.name);
    for manner in manners {
        replay(row, &manner).map_err(|why| format!("{}\n  {manner:?}\n  {why}", row.name))?;
    }
    Ok(())
}

fn replay(row: &Row, manner: &Manner) -> Result<(), String> {
    let capacity = row.input.len() + usize::from(row.limits.max_head_len) + 1024;
    let mut link = Link::with_buffers(
        Recorder::default(),
        row.limits.clone(),
        capacity,
        manner.room,
    );
    let may_switch =
        |event: &String| event.contains("/switch ") || event.contains("request CONNECT ");
    link.patient = row.events.iter().any(may_switch);
    let mut output = Vec::new();
    if manner.bite != usize::MAX {
        link.take(0);
    }
    let mut at = 0;
    for &len in &manner.feed {
        link.send(&row.input[at..len]);
        at = len;
        link.bite(manner.bite, &mut output);
    }
    if row.ends {
        link.finish();
        link.bite(manner.bite, &mut output);
    }
    output.extend(link.received());
    let is_late = manner.feed.iter().any(|&len| len == head_len(&row.input));
    compare(row, &mut link, &output, &row.output(is_late))?;
    if !row.ends {
        follow(row, &mut link, manner)?;
    }
    Ok(())
}

/// Bytes of the first head, for rows that begin with one.
fn head_len(input: &[u8]) -> usize {
    let end = input.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.map_or(usize::MAX, |end| end + 4)
}

fn compare(
    row: &Row,
    link: &mut Link<Recorder>,
    output: &[u8],
    expected: &[u8],
) -> Result<(), String> {
    let wants_fields = row.events.iter().any(|event| event.starts_with("field "));
    let mut events = link.application.events.clone();
    events.retain(|event| wants_fields || !event.starts_with("field "));
    if events != row.events {
        return Err(format!("told {events:#?}\n  not {:#?}", row.events));
    }
    if output != expected {
        return Err(format!(
            "sent {}\n   not {}",
            escape(output),
            escape(expected)
        ));
    }
    let then = match link.state {
        State::Receiving if link.application.is_switched => Then::Tunnel,
        State::Receiving if link.session.is_idle() => Then::Open,
        State::Receiving => Then::More,
        State::Shut => Then::Close,
        State::Closed(_) => Then::Gone,
        State::Sending | State::Waiting => return Err(format!("left in {:?}", link.state)),
    };
    if then != row.then {
        return Err(format!(
            "then {then:?} ({:?}), not {:?}",
            link.state, row.then
        ));
    }
    Ok(())
}

/// Sends further bytes: a request where one is legal, and else something to be ignored.
fn follow(row: &Row, link: &mut Link<Recorder>, manner: &Manner) -> Result<(), String> {
    link.application.events.clear();
    let mut output = Vec::new();
    let expected: &[u8] = match row.then {
        Then::Open if row.limits.max_exchanges == vectors::LIMITS.max_exchanges => {
            link.send("GET /next HTTP/1.1\r\nHost: next\r\n\r\n");
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        Then::Tunnel => {
            link.send("more");
            b"MORE"
        }
        Then::Close | Then::Gone => {
            link.send("GET /next HTTP/1.1\r\nHost: next\r\n\r\n");
            b""
        }
        Then::Open | Then::More => return Ok(()),
    };
    link.bite(manner.bite, &mut output);
    output.extend(link.received());
    if output != expected {
        return Err(format!("then sent {}", escape(&output)));
    }
    let events = &mut link.application.events;
    events.retain(|event| !event.starts_with("field "));
    let expected: &[&str] = match row.then {
        Then::Open => &["request GET origin /next 1.1 next"],
        _ => &[],
    };
    if events != expected {
        return Err(format!("then told {events:?}"));
    }
    Ok(())
}
