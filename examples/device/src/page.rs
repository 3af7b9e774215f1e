//! The page, and what belongs to it: files that lie in flash, and lie there compressed, too.

use kinglet_core::assets::Asset;
use kinglet_core::field;

pub(crate) const PAGE: Asset = Asset::new(
    field!("Content-Type", "text/html; charset=utf-8"),
    include_bytes!("../assets/index.html"),
)
.with_gzip(include_bytes!("../assets/index.html.gz"))
.with_field(field!("Cache-Control", "no-cache"));

pub(crate) const SCRIPT: Asset = Asset::new(
    field!("Content-Type", "text/javascript; charset=utf-8"),
    include_bytes!("../assets/app.js"),
)
.with_gzip(include_bytes!("../assets/app.js.gz"))
.with_field(field!("Cache-Control", "no-cache"));

pub(crate) const STYLE: Asset = Asset::new(
    field!("Content-Type", "text/css; charset=utf-8"),
    include_bytes!("../assets/style.css"),
)
.with_gzip(include_bytes!("../assets/style.css.gz"))
.with_field(field!("Cache-Control", "no-cache"));

pub(crate) const ICON: Asset = Asset::new(
    field!("Content-Type", "image/svg+xml"),
    include_bytes!("../assets/favicon.svg"),
)
.with_gzip(include_bytes!("../assets/favicon.svg.gz"))
.with_field(field!("Cache-Control", "max-age=86400"));
