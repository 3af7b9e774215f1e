//! SipHash-2-4: a hash of bytes that nobody can steer who does not know its key.
//!
//! Two uses here: where a key of a client lands (with a key that all balancers of a site share, so that
//! they agree), and the tokens of sticky cookies (with a secret, so that a token says nothing of the
//! address it stands for). The standard library has this function too, but promises of no hasher that
//! the next release hashes alike.

/// The 128 bits that the hash depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HashKey(pub(crate) u64, pub(crate) u64);

impl HashKey {
    /// The key that a text stands for, however long it is.
    pub(crate) fn of_text(text: &str) -> Self {
        let half = |tweak| Self(0x6b69_6e67_6c65_7400, tweak).hash(text.as_bytes());
        Self(half(0), half(1))
    }

    /// The hash of `bytes`.
    pub(crate) fn hash(self, bytes: &[u8]) -> u64 {
        let mut state = State([
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        ]);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            state.absorb(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = bytes.len() as u8;
        state.absorb(u64::from_le_bytes(last));
        state.0[2] ^= 0xff;
        (0..4).for_each(|_| state.round());
        state.0.into_iter().fold(0, |hash, word| hash ^ word)
    }
}

struct State([u64; 4]);

impl State {
    fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32).wrapping_add(d);
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
        self.0 = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authors' key, and their input: as many bytes as asked for, each its own index.
    fn of_paper(len: u8) -> u64 {
        let key = HashKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        key.hash(&(0..len).collect::<Vec<_>>())
    }

    #[test]
    fn hashes_as_its_authors_do() {
        assert_eq!(of_paper(0), 0x726f_db47_dd0e_0e31);
        assert_eq!(of_paper(8), 0x93f5_f579_9a93_2462);
        assert_eq!(of_paper(15), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn another_key_is_another_hash() {
        let [left, right] = ["site a", "site b"].map(HashKey::of_text);
        assert_ne!(left, right);
        assert_ne!(left.hash(b"10.0.0.1:80"), right.hash(b"10.0.0.1:80"));
        assert_eq!(left, HashKey::of_text("site a"));
    }
}
