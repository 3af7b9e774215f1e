//! A fixed number of messages in a fixed order, for the exact runs.
//!
//! Each round sends `depth` messages on every connection, then reads the answers
//! of every connection. So the server finds all connections readable at once,
//! and two runs of it differ only in the number of rounds.

use std::io::{self, Write};

use crate::batch::Batch;
use crate::connection::{open, take};
use crate::{Plan, wrong};

/// Bytes read with one call.
const SCRATCH_LEN: usize = 64 * 1024;

pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    let round_len = plan.connections * plan.depth;
    if !plan.messages.is_multiple_of(round_len) {
        return Err(wrong(
            "messages must be a multiple of connections times depth",
        ));
    }
    let mut connections = open(plan.connect, "/", plan.connections)?;
    let batch = Batch::new(plan.depth, plan.size, 1);
    let mut scratch = vec![0; SCRATCH_LEN];
    for _ in 0..plan.messages / round_len {
        for connection in &mut connections {
            connection.write_all(&batch.sent)?;
        }
        for connection in &mut connections {
            take(connection, &batch.answer, &mut scratch)?;
        }
    }
    Ok(())
}
