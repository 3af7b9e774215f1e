//! An application made of closures.

use std::rc::Rc;

use kinglet_core::Application;
use kinglet_core::http::server::Part;
use kinglet_core::http::{Handled, Reply, Request, Status, Stream};

type OnRequest = Box<dyn FnMut(&Request<'_>, Reply<'_>) -> Handled>;
type OnContent = Box<dyn FnMut(Part<'_>, Reply<'_>) -> Handled>;
type OnResume = Box<dyn FnMut(Reply<'_>) -> Handled>;
type OnStream = Box<dyn FnMut(Stream<'_>) -> Handled>;

/// What makes a script, for rows of a table.
pub type MakeScript = fn() -> Script;

/// What does not expect a call answers 500, or cuts its answer off.
pub struct Script {
    request: OnRequest,
    content: OnContent,
    resume: OnResume,
    stream: OnStream,
    /// How many requests have come; the second time with content does not count.
    pub requests: u32,
    alive: Rc<()>,
}

/// What an exchange remembers: that it is under way.
#[derive(Default)]
pub struct Memory {
    alive: Option<Rc<()>>,
}

impl Script {
    pub fn new(request: impl FnMut(&Request<'_>, Reply<'_>) -> Handled + 'static) -> Self {
        Self {
            request: Box::new(request),
            content: Box::new(|_, reply| {
                reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"content")
            }),
            resume: Box::new(|reply| reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"resume")),
            stream: Box::new(|stream| stream.abort()),
            requests: 0,
            alive: Rc::new(()),
        }
    }

    pub fn content(
        mut self,
        content: impl FnMut(Part<'_>, Reply<'_>) -> Handled + 'static,
    ) -> Self {
        self.content = Box::new(content);
        self
    }

    pub fn resume(mut self, resume: impl FnMut(Reply<'_>) -> Handled + 'static) -> Self {
        self.resume = Box::new(resume);
        self
    }

    pub fn stream(mut self, stream: impl FnMut(Stream<'_>) -> Handled + 'static) -> Self {
        self.stream = Box::new(stream);
        self
    }

    /// How many exchanges are remembered.
    pub fn exchanges(&self) -> usize {
        Rc::strong_count(&self.alive) - 1
    }
}

impl Application for Script {
    type Exchange = Memory;

    fn request(&mut self, memory: &mut Memory, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        if request.content().is_none() {
            assert!(
                memory.alive.is_none(),
                "an exchange remembers the one before"
            );
            self.requests += 1;
        }
        memory.alive = Some(Rc::clone(&self.alive));
        (self.request)(request, reply)
    }

    fn content(&mut self, memory: &mut Memory, part: Part<'_>, reply: Reply<'_>) -> Handled {
        assert!(memory.alive.is_some(), "an exchange has been forgotten");
        (self.content)(part, reply)
    }

    fn resume(&mut self, memory: &mut Memory, reply: Reply<'_>) -> Handled {
        assert!(memory.alive.is_some(), "an exchange has been forgotten");
        (self.resume)(reply)
    }

    fn stream(&mut self, memory: &mut Memory, stream: Stream<'_>) -> Handled {
        assert!(memory.alive.is_some(), "an exchange has been forgotten");
        (self.stream)(stream)
    }
}
