//! The page, and what belongs to it.

use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Reply, Request, Status};

use crate::NO_SNIFFING;

/// A file of the page, and the same compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    media_type: Field<'static>,
    plain: &'static [u8],
    gzip: &'static [u8],
}

macro_rules! asset {
    ($media_type:literal, $name:literal) => {
        Asset {
            media_type: field!("Content-Type", $media_type),
            plain: include_bytes!(concat!("../assets/", $name)),
            gzip: include_bytes!(concat!("../assets/", $name, ".gz")),
        }
    };
}

pub(crate) const PAGE: Asset = asset!("text/html; charset=utf-8", "index.html");
pub(crate) const SCRIPT: Asset = asset!("text/javascript; charset=utf-8", "app.js");
pub(crate) const STYLE: Asset = asset!("text/css; charset=utf-8", "style.css");
pub(crate) const ICON: Asset = asset!("image/svg+xml", "favicon.svg");

impl Asset {
    pub(crate) fn answer(&self, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const GZIP: Field<'_> = field!("Content-Encoding", "gzip");
        const VARY: Field<'_> = field!("Vary", "Accept-Encoding");
        let mut codings = request.fields().list("accept-encoding");
        if codings.any(|coding| coding.eq_ignore_ascii_case(b"gzip")) {
            let fields = [self.media_type, NO_SNIFFING, VARY, GZIP];
            reply.send_static(Status::OK, &fields, self.gzip)
        } else {
            let fields = [self.media_type, NO_SNIFFING, VARY];
            reply.send_static(Status::OK, &fields, self.plain)
        }
    }
}
