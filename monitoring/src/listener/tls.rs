//! The certificate that the listener shows.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as RustlsError, ServerConfig};

/// A certificate or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read.
    #[error("the {what} file {path} cannot be read: {source}")]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the machine says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} holds no {what} in the PEM form (`-----BEGIN …`)")]
    Missing {
        /// `certificate` or `private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not fit each other, or are of a kind that is not known.
    #[error("the certificate {certificate} cannot be used with the key {key}: {source}")]
    Unfit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        source: RustlsError,
    },
}

/// A certificate and its key.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls([redacted])")
    }
}

impl Tls {
    /// Reads a chain of certificates, that of the listener first, and its private key, both in the PEM form.
    ///
    /// # Errors
    /// When a file cannot be read or holds something else, and when the two do not fit each other.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(error, "certificate", certificate))?;
        if chain.is_empty() {
            return Err(unreadable(PemError::NoItemsFound, "certificate", certificate));
        }
        let private =
            PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(error, "private key", key))?;
        let unfit = |source| TlsError::Unfit { certificate: certificate.into(), key: key.into(), source };
        // The provider is named, so that it does not matter what the rest of the process installs.
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The library's own words may hold a line of the key.
fn unreadable(error: PemError, what: &'static str, path: &Path) -> TlsError {
    match error {
        PemError::Io(source) => TlsError::Unreadable { what, path: path.to_owned(), source },
        _ => TlsError::Missing { what, path: path.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        fs::write(path("certificate"), made.cert.pem()).unwrap();
        fs::write(path("key"), &key).unwrap();
        fs::write(path("other"), other.signing_key.serialize_pem()).unwrap();
        // Cut in the middle of the key.
        fs::write(path("cut"), &key[..key.len() / 2]).unwrap();
        fs::write(path("empty"), "").unwrap();

        let tls = Tls::from_files(&path("certificate"), &path("key")).unwrap();
        assert_eq!(format!("{tls:?}"), "Tls([redacted])");
        for (certificate, private, problem) in [
            ("none", "key", "certificate file"),
            ("certificate", "none", "private key file"),
            ("empty", "key", "holds no certificate"),
            ("key", "key", "holds no certificate"),
            ("certificate", "empty", "holds no private key"),
            ("certificate", "certificate", "holds no private key"),
            ("certificate", "cut", "holds no private key"),
            ("certificate", "other", "cannot be used with the key"),
        ] {
            let error = Tls::from_files(&path(certificate), &path(private)).unwrap_err().to_string();
            assert!(error.contains(problem), "{certificate} {private}: {error}");
            let secret = key.lines().nth(1).unwrap();
            assert!(!error.contains(&secret[..20]), "{error}");
        }
    }
}
