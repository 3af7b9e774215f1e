//! Connections that are open and silent, for what they cost in memory.

use std::io;

use rustix::event::epoll;

use crate::batch::Batch;
use crate::connection::{exchange, open};
use crate::echo::poll_now;
use crate::{Plan, ready, wrong};

/// Connections that must still answer in the end.
const SAMPLES: usize = 100;

/// Each sends its messages before it falls silent, one by one. After the pause
/// all must still be open, and some of them still answer.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    let mut connections = open(plan.connect, "/", plan.connections)?;
    let batch = Batch::new(1, plan.size, 1);
    let mut scratch = vec![0; batch.answer.len()];
    for _ in 0..plan.messages {
        for connection in &mut connections {
            exchange(connection, &batch.sent, &batch.answer, &mut scratch)?;
        }
    }
    ready()?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for connection in &connections {
        let interest = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        epoll::add(&poll, connection, epoll::EventData::new_u64(0), interest)?;
    }
    let mut events = Vec::with_capacity(connections.len());
    poll_now(&poll, &mut events)?;
    if !events.is_empty() {
        return Err(wrong("a connection that was closed, or not silent"));
    }
    let step = (connections.len() / SAMPLES).max(1);
    for connection in connections.iter_mut().step_by(step) {
        exchange(connection, &batch.sent, &batch.answer, &mut scratch)?;
    }
    println!("connections={}", connections.len());
    Ok(())
}
