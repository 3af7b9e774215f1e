//! The engine under a driver of a few lines.

use kinglet_core::websocket::deflate::{Deflate, Inflate};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Context, Input, Limits, Output, Session, Stamp, Turn};

use crate::{Sent, Server, append, move_down};

/// What a driver lends to compressed connections.
pub trait Memory {
    /// Memory for either direction, or none.
    fn lend(&mut self) -> Option<(&mut dyn Inflate, &mut dyn Deflate)>;
}

impl Memory for () {
    fn lend(&mut self) -> Option<(&mut dyn Inflate, &mut dyn Deflate)> {
        None
    }
}

/// A connection to `A`, with its buffers.
#[derive(Debug)]
pub struct Kinglet<A: Application, M> {
    application: A,
    memory: M,
    session: Session<A::Exchange>,
    context: Context,
    window: [u8; 1024],
    filled: usize,
    room: [u8; 1024],
    queue: Queue,
}

impl<A: Application, M: Memory> Kinglet<A, M> {
    /// Of this application.
    pub fn new(application: A, memory: M) -> Self {
        let limits = Limits {
            max_exchanges: u32::MAX,
            ..Limits::MICROCONTROLLER
        };
        Self {
            application,
            memory,
            session: Session::new(),
            context: Context::new(limits, Stamp::EMPTY),
            window: [0; 1024],
            filled: 0,
            room: [0; 1024],
            queue: Queue::new(),
        }
    }

    /// What the application and the limits are told.
    pub fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

impl<A: Application, M: Memory> Server for Kinglet<A, M> {
    fn connect(&mut self) {
        self.session = Session::new();
        self.filled = 0;
    }

    fn receive(&mut self, bytes: &[u8], sent: &mut Sent) {
        self.filled += append(&mut self.window, self.filled, bytes);
        let mut outlook = Outlook::More;
        loop {
            let window = self.window.get_mut(..self.filled).unwrap_or_default();
            let mut input = Input::new(window, outlook);
            let mut output = Output::new(&mut self.room, &mut self.queue);
            if let Some((inflater, deflater)) = self.memory.lend() {
                input = input.with_inflater(inflater);
                output = output.with_deflater(deflater);
            }
            let turn = self.session.turn(
                &mut self.application,
                &self.context,
                &mut input,
                &mut output,
            );
            let consumed = input.consumed();
            let remaining = input.remaining().len();
            if consumed > 0 {
                let window = self.window.get_mut(..consumed + remaining);
                move_down(window.unwrap_or_default(), consumed);
            }
            self.filled = remaining;
            while !self.queue.is_empty() {
                let slice = self.queue.slices(&self.room).next().unwrap_or_default();
                let len = slice.len();
                sent.push(slice);
                self.queue.advance(len);
            }
            match turn {
                Turn::Send => {}
                // The peer closes in answer to that.
                Turn::Shutdown => outlook = Outlook::Ended,
                Turn::Receive | Turn::Wait | Turn::Close(_) => return,
            }
        }
    }

    fn state_len(&self) -> usize {
        size_of::<Session<A::Exchange>>()
    }
}
