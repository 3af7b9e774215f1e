//! Field lines that are put together for a backend, in memory that is used again.

use kinglet_core::http::Field;

/// Field lines of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where each name ends, and each value.
    ends: Vec<(usize, usize)>,
}

/// How many field lines are passed on; a message with more is refused.
pub(crate) const MAX_LINES: usize = 128;

/// A message has more field lines than are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Field lines, as the engine takes them.
pub(crate) type Fields<'a> = heapless::Vec<Field<'a>, MAX_LINES>;

impl Lines {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        self.bytes.extend_from_slice(name.as_bytes());
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((name_end, self.bytes.len()));
    }

    /// All of them but those that the engine writes itself.
    pub(crate) fn fields(&self) -> Result<Fields<'_>, TooMany> {
        let mut fields = Fields::new();
        let mut start = 0;
        for &(name_end, end) in &self.ends {
            let name = self.bytes.get(start..name_end).unwrap_or_default();
            let value = self.bytes.get(name_end..end).unwrap_or_default();
            start = end;
            let name = str::from_utf8(name).unwrap_or_default();
            if let Ok(field) = Field::new(name, value) {
                fields.push(field).map_err(|_| TooMany)?;
            }
        }
        Ok(fields)
    }
}
