//! A certificate that is made at start, to try things with.

use std::error::Error;

use kinglet_hosted::Tls;

/// TLS with a certificate for `localhost` that ends with the process.
pub(crate) fn self_signed() -> Result<Tls, Box<dyn Error>> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = made.signing_key.serialize_pem();
    Ok(Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?)
}
