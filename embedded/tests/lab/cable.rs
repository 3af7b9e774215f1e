//! A cable: what one end sends comes out at the other, some time later, unless it has faults.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::time::{Duration, Instant};

/// What happens to frames on their way, each in so many of a hundred.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) corrupted: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
}

/// Frames under way to one end, by the time at which they are there, and then in order.
#[derive(Debug, Default)]
struct Lane {
    frames: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
}

/// Both lanes, and what is wrong with them.
#[derive(Debug)]
struct Shared {
    lanes: [Lane; 2],
    faults: Faults,
    is_pulled: bool,
    random: u64,
    /// Frames that were put into the cable.
    frames: u64,
}

/// One end of a cable.
#[derive(Clone, Debug)]
pub(crate) struct End {
    shared: Rc<RefCell<Shared>>,
    side: usize,
}

/// How long a frame is under way.
const LATENCY: Duration = Duration::from_millis(1);

/// A new cable, whose faults come from `seed`.
pub(crate) fn cable(seed: u64) -> [End; 2] {
    let shared = Rc::new(RefCell::new(Shared {
        lanes: Default::default(),
        faults: Faults::default(),
        is_pulled: false,
        random: seed | 1,
        frames: 0,
    }));
    [0, 1].map(|side| End {
        shared: Rc::clone(&shared),
        side,
    })
}

impl End {
    pub(crate) fn set_faults(&self, faults: Faults) {
        self.shared.borrow_mut().faults = faults;
    }

    /// Pulls the cable. What is in it is lost.
    pub(crate) fn pull(&self) {
        let mut shared = self.shared.borrow_mut();
        shared.is_pulled = true;
        shared.lanes = Default::default();
    }

    /// Puts it back.
    pub(crate) fn put_back(&self) {
        self.shared.borrow_mut().is_pulled = false;
    }

    /// When the next frame comes out at either end.
    pub(crate) fn next(&self) -> Option<Instant> {
        let shared = self.shared.borrow();
        let first = |lane: &Lane| lane.frames.keys().next().map(|(at, _)| *at);
        shared.lanes.iter().filter_map(first).min()
    }

    pub(crate) fn frames(&self) -> u64 {
        self.shared.borrow().frames
    }
}

impl Shared {
    fn chance(&mut self, of_a_hundred: u64) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 100 < of_a_hundred
    }

    fn send(&mut self, to: usize, mut frame: Vec<u8>, now: Instant) {
        self.frames += 1;
        let faults = self.faults;
        if self.is_pulled || self.chance(faults.lost) {
            return;
        }
        if self.chance(faults.corrupted) {
            let at = (self.random >> 8) as usize % frame.len();
            frame[at] ^= 1 << (self.random >> 40 & 7);
        }
        let copies = 1 + u64::from(self.chance(faults.duplicated));
        for _ in 0..copies {
            let later = if self.chance(faults.reordered) { 20 } else { 1 };
            let at = now + LATENCY * later;
            let lane = &mut self.lanes[to];
            lane.count += 1;
            lane.frames.insert((at, lane.count), frame.clone());
        }
    }
}

impl Device for End {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sender;

    fn receive(&mut self, now: Instant) -> Option<(Received, Sender)> {
        let mut shared = self.shared.borrow_mut();
        let lane = &mut shared.lanes[self.side];
        let first = lane.frames.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let frame = first.remove();
        drop(shared);
        Some((Received(frame), self.sender(now)))
    }

    fn transmit(&mut self, now: Instant) -> Option<Sender> {
        Some(self.sender(now))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities.checksum.tcp = Checksum::Both;
        capabilities
    }
}

impl End {
    fn sender(&self, now: Instant) -> Sender {
        Sender {
            end: self.clone(),
            now,
        }
    }
}

/// A frame that has come.
pub(crate) struct Received(Vec<u8>);

impl smoltcp::phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// Room for a frame.
pub(crate) struct Sender {
    end: End,
    now: Instant,
}

impl smoltcp::phy::TxToken for Sender {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        let to = 1 - self.end.side;
        let mut shared = self.end.shared.borrow_mut();
        shared.send(to, frame, self.now);
        result
    }
}
