//! Threads for what blocks: a handler hands over a job and the reactor goes on.
//!
//! ```text
//! reactor    request -> Workers::answer ----+               +--> the answer is sent
//!            (goes on with others)          v               |
//! worker                          bounded queue -> job -> mailbox, one wake
//! ```

use core::num::NonZeroUsize;
use core::panic::AssertUnwindSafe;
use std::io;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Reply, Status, Ticket};

use crate::cancellation::Presence;
use crate::{Answer, Handle};

/// Threads that answer requests in a reactor's stead.
///
/// It is a handle; the threads end when the last clone is dropped and what they have begun is done.
///
/// ```no_run
/// use core::num::NonZeroUsize;
/// use kinglet_core::http::{Handled, Reply, Request, Status};
/// use kinglet_core::Application;
/// use kinglet_hosted::{Answer, Options, Server, Workers};
///
/// struct Reports(Workers);
///
/// impl Application for Reports {
///     type Exchange = ();
///
///     fn request(&mut self, _: &mut (), _: &Request<'_>, reply: Reply<'_>) -> Handled {
///         self.0.answer(reply, |job| match std::fs::read_to_string("report") {
///             Ok(report) if !job.is_cancelled() => Answer::new(Status::OK, report),
///             _ => Answer::new(Status::INTERNAL_SERVER_ERROR, ""),
///         })
///     }
/// }
///
/// let server = Server::bind(&"127.0.0.1:8080".parse()?, Options::default())?;
/// let threads = NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN);
/// let workers = Workers::start(server.handle(), threads, 100)?;
/// server.run(|_thread| Reports(workers.clone()))?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workers {
    handle: Handle,
    queue: Sender<Task>,
}

/// What a job can ask about the request that it answers.
#[derive(Debug)]
pub struct Job {
    ticket: Ticket,
    presence: Arc<Presence>,
}

/// A job, boxed so that all have one size.
struct Task {
    job: Job,
    run: Box<dyn FnOnce(&Job) -> Answer + Send>,
}

impl core::fmt::Debug for Task {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.job.fmt(formatter)
    }
}

impl Workers {
    /// Starts `threads` threads, for which up to `max_waiting` jobs may wait.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn start(handle: Handle, threads: NonZeroUsize, max_waiting: usize) -> io::Result<Self> {
        let (queue, tasks) = bounded::<Task>(max_waiting.max(1));
        for number in 0..threads.get() {
            let (tasks, handle) = (Receiver::clone(&tasks), handle.clone());
            thread::Builder::new()
                .name(format!("kinglet-worker-{number}"))
                .spawn(move || {
                    for task in tasks {
                        task.perform(&handle);
                    }
                })?;
        }
        Ok(Self { handle, queue })
    }

    /// Has a worker answer: what `job` answers is sent when it is done. Where as many jobs wait as may,
    /// the answer is 503 at once (RFC 9110 §15.6.4); a job that panics becomes 500.
    ///
    /// To be called where the reply was had, on its reactor's thread.
    pub fn answer<F>(&self, reply: Reply<'_>, job: F) -> Handled
    where
        F: FnOnce(&Job) -> Answer + Send + 'static,
    {
        if self.queue.is_full() {
            return refuse(reply);
        }
        let (ticket, handled) = reply.later();
        let presence = Arc::<Presence>::default();
        self.handle.watch(ticket, Arc::clone(&presence));
        let task = Task {
            job: Job { ticket, presence },
            run: Box::new(job),
        };
        // Another reactor may have taken the last place meanwhile.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.queue.try_send(task)
        {
            self.handle.answer(ticket, busy());
        }
        handled
    }

    /// How many jobs wait for a worker.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl Job {
    /// Whether nobody may wait for the answer any more: the connection is closed, or the client has closed
    /// its side of it, which is how both those end that have gone and those that have said all. To the
    /// latter, the answer is sent if one is given.
    ///
    /// Where the poller is not Linux's own, a client that closes its side is not noticed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.presence.is_doubtful()
    }

    /// The ticket of the request.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Task {
    fn perform(self, handle: &Handle) {
        let Self { job, run } = self;
        if job.presence.is_gone() {
            // It has waited for longer than its client has.
            return;
        }
        // What the job has broken is its own: nothing of it is used again.
        let answer = catch_unwind(AssertUnwindSafe(|| run(&job))).unwrap_or_else(|_| {
            log::error!("a job has panicked");
            Answer::new(Status::INTERNAL_SERVER_ERROR, "")
        });
        handle.answer(job.ticket, answer);
    }
}

/// Says when to come again, which is soon: jobs come and go.
const RETRY: Field<'static> = field!("Retry-After", "1");

fn refuse(reply: Reply<'_>) -> Handled {
    reply.send(Status::SERVICE_UNAVAILABLE, &[RETRY], b"")
}

fn busy() -> Answer {
    Answer::new(Status::SERVICE_UNAVAILABLE, "").with(RETRY)
}
