//! TLS for a server: certificates, their choice and their exchange while it runs (RFC 8446, RFC 5246).
//!
//! The protocol is rustls's; what is here joins it to a reactor's buffers and to files.

mod certificates;
pub(crate) mod channel;
mod trust;

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

#[cfg(feature = "aws-lc")]
use rustls::crypto::aws_lc_rs as compiled_in;
#[cfg(all(feature = "ring", not(feature = "aws-lc")))]
use rustls::crypto::ring as compiled_in;

use certificates::Certificates;
pub use trust::Trust;

/// What a server needs to speak TLS, for [`Options::tls`](crate::Options::tls).
///
/// It is a handle: a clone is the same, so one that is kept can [`reload`](Self::reload) the
/// certificates of a server that runs. Connections that are open go on with what they began with.
///
/// ```no_run
/// use kinglet_hosted::{CertificateFiles, Options, Server, Tls, TlsOptions};
///
/// let certificate = CertificateFiles::new("/etc/site/chain.pem", "/etc/site/key.pem");
/// let tls = Tls::new(TlsOptions::new(vec![certificate]))?;
/// let options = Options { tls: Some(tls.clone()), ..Options::default() };
/// let server = Server::bind(&"[::]:443".parse()?, options)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Option<TlsOptions>,
    config: RwLock<Arc<ServerConfig>>,
}

/// Where the certificates come from, and what is asked of clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsOptions {
    /// A client is shown the one for the name that it asks for (RFC 6066 §3), or else the first.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients show certificates, too. Default: not.
    pub clients: ClientCertificates,
}

/// A certificate and its key, as files in PEM (RFC 7468 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFiles {
    /// The certificate, and behind it those that it is signed with, but for the root.
    pub chain: PathBuf,
    /// The private key, in PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// They are not asked for any.
    #[default]
    Ignored,
    /// One that is shown must have been signed with a certificate of this file in PEM.
    Optional(PathBuf),
    /// One must be shown, and have been signed so.
    Required(PathBuf),
}

/// Why there is no TLS to be had from what was given.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    File(PathBuf, io::Error),
    /// There is no certificate.
    NoCertificate,
    /// A certificate and its key do not belong together, or one of them cannot be used.
    Key(rustls::Error),
    /// The certificates that others are to be signed with cannot be used.
    Roots(String),
    /// No cryptography was compiled in, and none was set up for the process.
    NoProvider,
    /// What was made of other things than files cannot be loaded again.
    NotFromFiles,
}

impl TlsOptions {
    /// These certificates, and none asked of clients.
    #[must_use]
    pub const fn new(certificates: Vec<CertificateFiles>) -> Self {
        Self {
            certificates,
            clients: ClientCertificates::Ignored,
        }
    }

    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = provider()?;
        let keys = self.certificates.iter().map(|files| files.load(&provider));
        configure(keys.collect::<Result<_, _>>()?, &self.clients, provider)
    }
}

impl CertificateFiles {
    /// The files at these paths.
    #[must_use]
    pub fn new(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            chain: chain.into(),
            key: key.into(),
        }
    }

    fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(&self.chain)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| file_error(&self.key, e))?;
        CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Key)
    }
}

impl Tls {
    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or what is in it cannot be used.
    pub fn new(options: TlsOptions) -> Result<Self, TlsError> {
        let config = options.load()?;
        Ok(Self::with(config, Some(options)))
    }

    /// The same with one certificate that is not in a file, in PEM.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let provider = provider()?;
        let here = Path::new("(memory)");
        let chain: Result<_, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| file_error(here, error))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| file_error(here, error))?;
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(TlsError::Key)?;
        let config = configure(vec![key], &ClientCertificates::Ignored, provider)?;
        Ok(Self::with(config, None))
    }

    /// All that rustls can be told. The protocols that it offers must be none but `http/1.1`.
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self::with(config, None)
    }

    fn with(config: Arc<ServerConfig>, source: Option<TlsOptions>) -> Self {
        Self(Arc::new(Shared {
            source,
            config: RwLock::new(config),
        }))
    }

    /// Reads the files again, for connections from now on. Where that fails, all stays as it is.
    ///
    /// # Errors
    ///
    /// As of [`new`](Self::new), or there are no files.
    pub fn reload(&self) -> Result<(), TlsError> {
        let source = self.0.source.as_ref().ok_or(TlsError::NotFromFiles)?;
        self.replace(source.load()?);
        Ok(())
    }

    /// Has connections from now on use another configuration.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self
            .0
            .config
            .write()
            .unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The configuration for a connection that begins now.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let config = self.0.config.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&config)
    }
}

fn configure(
    keys: Vec<CertifiedKey>,
    clients: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Key)?;
    let builder = match clients {
        ClientCertificates::Ignored => builder.with_no_client_auth(),
        ClientCertificates::Optional(file) | ClientCertificates::Required(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots
                    .add(certificate)
                    .map_err(|error| TlsError::Roots(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match clients {
                ClientCertificates::Optional(_) => verifier.allow_unauthenticated(),
                ClientCertificates::Ignored | ClientCertificates::Required(_) => verifier,
            };
            let verifier = verifier
                .build()
                .map_err(|error| TlsError::Roots(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Certificates::new(keys)?));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    #[cfg(any(feature = "ring", feature = "aws-lc"))]
    {
        // Sessions are resumed by what the client keeps, so they take no memory here.
        config.ticketer = compiled_in::Ticketer::new().map_err(TlsError::Key)?;
    }
    Ok(Arc::new(config))
}

/// The cryptography to use: what the process has set up, or else what was compiled in.
fn provider() -> Result<Arc<CryptoProvider>, TlsError> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Ok(Arc::clone(provider));
    }
    #[cfg(any(feature = "ring", feature = "aws-lc"))]
    return Ok(Arc::new(compiled_in::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc")))]
    Err(TlsError::NoProvider)
}

/// The certificates in a file: one at least.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|all| match all.is_empty() {
            true => Err(pem::Error::NoItemsFound),
            false => Ok(all),
        })
        .map_err(|error| file_error(file, error))
}

fn file_error(path: &Path, error: pem::Error) -> TlsError {
    let error = match error {
        pem::Error::Io(error) => error,
        pem::Error::NoItemsFound => {
            io::Error::new(io::ErrorKind::InvalidData, "no certificate or key in it")
        }
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    };
    TlsError::File(path.to_owned(), error)
}

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(formatter, "{}: {error}", path.display()),
            Self::NoCertificate => formatter.write_str("there is no certificate"),
            Self::Key(error) => write!(formatter, "the certificate cannot be used: {error}"),
            Self::Roots(error) => write!(formatter, "the roots: {error}"),
            Self::NoProvider => formatter.write_str("no cryptography is compiled in"),
            Self::NotFromFiles => formatter.write_str("the certificates are not from files"),
        }
    }
}

impl core::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            Self::Key(error) => Some(error),
            Self::NoCertificate | Self::Roots(_) | Self::NoProvider | Self::NotFromFiles => None,
        }
    }
}
