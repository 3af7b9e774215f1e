//! Numbers in a query, such as `?bytes=10&ms=5`.

use std::ops::RangeInclusive;

/// The number that `name` stands for in `query`, or `default` where the name is not there.
///
/// The error says what was expected. It does not repeat what was sent.
pub(crate) fn number(
    query: Option<&str>,
    name: &str,
    range: RangeInclusive<u64>,
    default: u64,
) -> Result<u64, String> {
    let mut pairs = query.unwrap_or_default().split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    match value.map(str::parse) {
        None => Ok(default),
        Some(Ok(number)) if range.contains(&number) => Ok(number),
        Some(_) => {
            let (least, most) = range.into_inner();
            Err(format!("{name}: expected a number from {least} to {most}"))
        }
    }
}
