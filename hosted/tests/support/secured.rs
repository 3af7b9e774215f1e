//! TLS for tests: a certificate for `localhost`, and clients that trust it.

use std::net::TcpStream;
use std::sync::Arc;

use kinglet_hosted::Tls;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::Running;

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;

/// A server's TLS, and what its clients have.
pub(crate) fn pair(versions: &[&'static SupportedProtocolVersion]) -> (Tls, ClientConfig) {
    pair_with(rustls::crypto::ring::default_provider(), versions)
}

/// The same, where clients have other cryptography.
pub(crate) fn pair_with(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> (Tls, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (tls, config)
}

/// A client that has said nothing yet.
pub(crate) fn client(server: &Running, config: &Arc<ClientConfig>) -> Client {
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(tls, server.connect())
}
