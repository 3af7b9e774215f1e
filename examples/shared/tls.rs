//! TLS for the examples: `--tls-cert FILE --tls-key FILE`, or `--tls-self-signed`, with a certificate for
//! this machine that is made at start and that no client trusts unless it is told to.

#[path = "self_signed.rs"]
mod self_signed;

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
            (None, None, true) => self_signed::self_signed().map(Some),
            (Some(chain), Some(key), false) => {
                let certificates = vec![CertificateFiles::new(chain, key)];
                Ok(Some(Tls::new(TlsOptions::new(certificates))?))
            }
            _ => Err("expected --tls-cert with --tls-key, or --tls-self-signed alone".into()),
        }
    }
}
