//! Frames that are built before anything is measured, and the answer to them.

/// Some messages in the frames of a client, and in those that must come back.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Masked, each frame with a key of its own.
    pub(crate) sent: Vec<u8>,
    /// The same messages as a server must frame them.
    pub(crate) answer: Vec<u8>,
}

impl Batch {
    /// `depth` binary messages of `size` bytes; `seed` chooses the bytes.
    pub(crate) fn new(depth: usize, size: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut batch = Self {
            sent: Vec::new(),
            answer: Vec::new(),
        };
        let mut payload = vec![0; size];
        for _ in 0..depth {
            payload.fill_with(|| random.next().to_le_bytes()[7]);
            push_frame(&mut batch.answer, &payload, None);
            push_frame(&mut batch.sent, &payload, Some(random.key()));
        }
        batch
    }
}

/// Appends a whole binary message as one frame (RFC 6455 §5.2).
pub(crate) fn push_frame(frames: &mut Vec<u8>, payload: &[u8], key: Option<[u8; 4]>) {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    frames.push(0x82);
    match u16::try_from(payload.len()) {
        Ok(len @ 0..126) => frames.push(mask_bit | len as u8),
        Ok(len) => {
            frames.push(mask_bit | 126);
            frames.extend(len.to_be_bytes());
        }
        Err(_) => {
            frames.push(mask_bit | 127);
            frames.extend((payload.len() as u64).to_be_bytes());
        }
    }
    match key {
        None => frames.extend(payload),
        Some(key) => {
            frames.extend(key);
            let key = key.iter().cycle();
            frames.extend(payload.iter().zip(key).map(|(byte, mask)| byte ^ mask));
        }
    }
}

/// Numbers that look random: a linear congruence, the same in every run.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0
    }

    pub(crate) fn key(&mut self) -> [u8; 4] {
        ((self.next() >> 32) as u32).to_le_bytes()
    }
}
