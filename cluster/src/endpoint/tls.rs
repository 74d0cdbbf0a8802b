//! Mutual TLS: both ends show a certificate of the same authority.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    self, AlertDescription, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme, version,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::Failure;
use super::stream::Stream;
use crate::error::TlsFilesError;
use crate::{Peer, TlsFiles};

/// The name that certificates of clients are good for. No node can be called so.
pub(crate) const CLIENT: &str = "client";

/// What is asked for when a node is dialled whose name is not known yet. Nodes have one certificate only.
const ANY_NODE: &str = "evohub";

/// The certificates of this end, and the authority that those of others must come from.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls([redacted])")
    }
}

impl Tls {
    /// Reads the files of an end that is called so.
    pub(crate) fn from_files(files: &TlsFiles, name: &str) -> Result<Self, TlsFilesError> {
        ServerName::try_from(name).map_err(|_| TlsFilesError::NoDnsName(name.to_owned()))?;
        let chain = certificates(&files.certificate, "certificate")?;
        if !chain.first().is_some_and(|certificate| is_good_for(certificate, name)) {
            return Err(TlsFilesError::Name { path: files.certificate.clone(), name: name.to_owned() });
        }
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| unreadable(error, "private key", &files.key))?;
        let unfit = |path: &Path, problem: String| TlsFilesError::Unfit { path: path.to_owned(), problem };
        let mut roots = RootCertStore::empty();
        for authority in certificates(&files.authority, "authority")? {
            roots.add(authority).map_err(|error| unfit(&files.authority, error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let of_others =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| unfit(&files.authority, error.to_string()))?;
        let unusable = |error: Error| unfit(&files.certificate, error.to_string());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(of_others)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(unusable)?;
        let verifier = Arc::new(OfTheAuthority::new(roots, &provider));
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(chain, key)
            .map_err(unusable)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> Result<Stream, Failure> {
        let stream = self.acceptor.accept(stream).await.map_err(|error| failure(&error))?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> Result<Stream, Failure> {
        let name = ServerName::try_from(ANY_NODE).map_err(|_| Failure::Garbage)?;
        let stream = self.connector.connect(name, stream).await.map_err(|error| failure(&error))?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
    }
}

/// The certificates in a file, one or more; `what` they are stands in errors.
pub(crate) fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error, what, path))?;
    if found.is_empty() {
        return Err(TlsFilesError::Missing { what, path: path.to_owned() });
    }
    Ok(found)
}

/// The library's own words may hold a line of the key.
fn unreadable(error: PemError, what: &'static str, path: &Path) -> TlsFilesError {
    match error {
        PemError::Io(source) => TlsFilesError::Unreadable { what, path: path.to_owned(), source },
        _ => TlsFilesError::Missing { what, path: path.to_owned() },
    }
}

/// The name that the certificate of a peer must be good for.
pub(super) fn name_of(peer: &Peer) -> &str {
    match peer {
        Peer::Node(id) => id.name.as_str(),
        Peer::Client(_) => CLIENT,
    }
}

/// Whether a name is among the DNS names of a certificate.
pub(super) fn is_good_for(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else { return false };
    ParsedCertificate::try_from(certificate).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
}

/// What an error of a connection means.
pub(super) fn failure(error: &io::Error) -> Failure {
    let Some(problem) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::InvalidData => Failure::Garbage,
            _ => Failure::Closed,
        };
    };
    match problem {
        Error::InvalidCertificate(why) => {
            Failure::Certificate(format!("the certificate of the other end is not good: {why}"))
        }
        Error::NoCertificatesPresented => {
            Failure::Certificate("the other end shows no certificate".to_owned())
        }
        Error::AlertReceived(alert) if is_of_certificates(*alert) => {
            Failure::Certificate(format!("the other end refuses the certificate of this one: {alert:?}"))
        }
        _ => Failure::Garbage,
    }
}

fn is_of_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::CertificateRequired
    )
}

/// Takes every node of the authority. Who listens at an address is not known when it is dialled; that the certificate
/// is good for the name is seen to as soon as the node has said what it is called, before anything else is sent.
#[derive(Debug)]
struct OfTheAuthority {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl OfTheAuthority {
    fn new(roots: Arc<RootCertStore>, provider: &CryptoProvider) -> Self {
        Self { roots, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for OfTheAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            between,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
