//! The body of the fuzz target for PROXY headers.

use kinglet_hosted::proxy_protocol::{MAX_LEN, Status, parse};

/// However little of a header is there, it is not judged otherwise than with more.
pub fn header(data: &[u8]) {
    let mut outcome = None;
    for end in 0..=data.len().min(MAX_LEN + 1) {
        match (parse(&data[..end]), outcome) {
            (Ok(Status::Partial(needed)), None) => {
                assert!((end + 1..=MAX_LEN).contains(&needed), "{needed} at {end}");
            }
            (Ok(Status::Complete(source, len)), None) => {
                assert_eq!(len, end, "it is complete with its last byte");
                outcome = Some(Ok((source, len)));
            }
            (Ok(Status::Complete(source, len)), Some(before)) => {
                assert_eq!(before, Ok((source, len)), "bytes behind it change nothing");
            }
            (Err(error), None) => outcome = Some(Err(error)),
            (Err(_), Some(Err(_))) => {}
            (now, Some(before)) => panic!("{before:?} became {now:?} at {end}"),
        }
    }
}
