//! TLS for the examples: `--tls-cert FILE --tls-key FILE`, or `--tls-self-signed`, with a certificate for
//! this machine that is made at start and that no client trusts unless it is told to.

use std::error::Error;
use std::path::PathBuf;

use kinglet_hosted::{CertificateFiles, Tls, TlsOptions};

/// What the command line says of TLS.
#[derive(Debug, Default)]
pub(crate) struct TlsArguments {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) is_self_signed: bool,
}

impl TlsArguments {
    /// TLS where that is asked for.
    pub(crate) fn into_tls(self) -> Result<Option<Tls>, Box<dyn Error>> {
        match (self.certificate, self.key, self.is_self_signed) {
            (None, None, false) => Ok(None),
            (None, None, true) => self_signed().map(Some),
            (Some(chain), Some(key), false) => {
                let certificates = vec![CertificateFiles::new(chain, key)];
                Ok(Some(Tls::new(TlsOptions::new(certificates))?))
            }
            _ => Err("expected --tls-cert with --tls-key, or --tls-self-signed alone".into()),
        }
    }
}

/// TLS with a certificate for `localhost` that ends with the process.
pub(crate) fn self_signed() -> Result<Tls, Box<dyn Error>> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = made.signing_key.serialize_pem();
    Ok(Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?)
}
