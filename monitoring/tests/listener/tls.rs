//! The listener over TLS.

use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::listener::{Access, Limits, Tls};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::client::{closed, connect, exchange, put, request, soon};
use super::service::{RIGHT, Service, start, token};

/// A certificate for `localhost`, as the listener has it and as a client trusts it.
pub(crate) fn made() -> (Tls, CertificateDer<'static>) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (Tls::from_files(&certificate, &key).unwrap(), made.cert.der().clone())
}

async fn secure(
    service: &Service,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connect(service.address).await;
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn every_route() {
    let (tls, certificate) = made();
    let access = Access { token: Some(token()), tls: Some(tls), insecure: false };
    let service = start(access, Limits::default()).await;
    for version in [&TLS12, &TLS13] {
        let mut stream = secure(&service, &certificate, version).await.unwrap();
        for (path, stranger, known) in [
            ("/metrics", 401, 200),
            ("/health", 200, 200),
            ("/health/detailed", 401, 200),
            ("/health/ready", 200, 200),
            ("/health/live", 200, 200),
            ("/admin/log-level", 401, 200),
        ] {
            for (headers, status) in [(&[][..], stranger), (&[RIGHT], known)] {
                let answer = exchange(&mut stream, &request("GET", path, headers)).await.unwrap();
                assert_eq!(answer.status, status, "{path} {headers:?}");
            }
        }
        let answer = exchange(&mut stream, &put("/admin/log-level", &[RIGHT], "info")).await.unwrap();
        assert_eq!(answer.json()["filter"], "info");
    }
    let stranger = made().1;
    assert!(secure(&service, &stranger, &TLS13).await.is_err(), "the certificate is that of the listener");
}

#[tokio::test]
async fn who_does_not_shake_hands_is_left() {
    let (tls, certificate) = made();
    let limits = Limits { handshake: Duration::from_millis(200), ..Limits::default() };
    let service = start(Access { tls: Some(tls), ..Access::default() }, limits).await;
    let mut silent = connect(service.address).await;
    assert_eq!(closed(&mut silent).await, 0);
    let mut plain = connect(service.address).await;
    assert!(exchange(&mut plain, &request("GET", "/health", &[])).await.is_none());
    let mut stream = secure(&service, &certificate, &TLS13).await.unwrap();
    assert_eq!(exchange(&mut stream, &request("GET", "/health", &[])).await.unwrap().status, 200);
}
