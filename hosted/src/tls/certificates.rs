//! Which certificate a client is shown: by the name that it asks for (RFC 6066 §3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsError;

/// The certificates of a server. One that no certificate is for gets the first.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<CertifiedKey>,
    /// By lower-case name; that of a wildcard is what follows its asterisk, with the dot.
    by_name: HashMap<Box<str>, Arc<CertifiedKey>>,
}

impl Certificates {
    /// The earlier of two certificates for one name is shown.
    pub(super) fn new(keys: Vec<CertifiedKey>) -> Result<Self, TlsError> {
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        let first = keys.first().cloned().ok_or(TlsError::NoCertificate)?;
        let mut by_name = HashMap::new();
        for key in &keys {
            for name in key.cert.first().map(names).into_iter().flatten() {
                by_name.entry(name).or_insert_with(|| Arc::clone(key));
            }
        }
        Ok(Self { first, by_name })
    }

    /// The certificate for `name`, as a client sends it: by the name itself, or by a wildcard for its
    /// leftmost label (RFC 9525 §6.3).
    fn find(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.to_ascii_lowercase();
        let wildcard = || name.find('.').and_then(|dot| name.get(dot..));
        self.by_name
            .get(name.as_str())
            .or_else(|| self.by_name.get(wildcard()?))
            .unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = match hello.server_name() {
            Some(name) => self.find(name),
            None => &self.first,
        };
        Some(Arc::clone(key))
    }
}

/// The names that a certificate is for, as [`Certificates`] keeps them.
fn names(certificate: &CertificateDer<'_>) -> Vec<Box<str>> {
    match webpki::EndEntityCert::try_from(certificate) {
        Ok(certificate) => certificate
            .valid_dns_names()
            .map(|name| {
                name.strip_prefix('*')
                    .unwrap_or(name)
                    .to_ascii_lowercase()
                    .into()
            })
            .collect(),
        Err(_) => Vec::new(),
    }
}
