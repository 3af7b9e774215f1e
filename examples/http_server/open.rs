//! What settings name is opened: certificates, and the folder of files.

use kinglet_hosted::files::{Files, FilesOptions, Listing, Symlinks};
use kinglet_hosted::{CertificateFiles, ClientCertificates, Tls, TlsOptions};

use crate::config;
use crate::self_signed::self_signed;

/// Reads the certificates, or makes one.
pub(crate) fn tls(config: &config::Tls) -> Result<Option<Tls>, String> {
    let (Some(cert), Some(key)) = (&config.cert, &config.key) else {
        let made = config.self_signed.then(self_signed).transpose();
        return made.map_err(|error| format!("cannot make a certificate: {error}"));
    };
    let mut options = TlsOptions::new(vec![CertificateFiles::new(cert, key)]);
    if let Some(authorities) = &config.client_ca {
        options.clients = ClientCertificates::Required(authorities.clone());
    }
    let tls = Tls::new(options).map_err(|error| format!("tls: {error}"))?;
    Ok(Some(tls))
}

/// Opens the folder, where there is one.
pub(crate) fn files(config: &config::Files) -> Result<Option<Files>, String> {
    let Some(root) = &config.root else {
        return Ok(None);
    };
    let options = FilesOptions {
        listing: if config.listing {
            Listing::On
        } else {
            Listing::Off
        },
        symlinks: if config.symlinks {
            Symlinks::Follow
        } else {
            Symlinks::Within
        },
        ..FilesOptions::default()
    };
    let files = Files::open(root, options)
        .map_err(|error| format!("files: cannot open {}: {error}", root.display()))?;
    Ok(Some(files))
}
