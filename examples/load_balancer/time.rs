//! Time as it is counted here.

/// Milliseconds: a span, or a moment as the span since the reactor began. Nothing here asks what time it
/// is; whoever calls says so, which is why every test of time runs at once.
pub(crate) type Millis = u64;
