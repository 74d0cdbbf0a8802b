//! Collectors behind TLS. Which authorities are trusted is a matter of the whole process, so that one of its own sends.

use std::process::Command;
use std::{env, fs};

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use evohub_monitoring::traces::{SpanCounts, TraceConfig, TraceProtocol};

use super::collector::Collector;
use super::delivery::traced;

/// Where the other process sends its span.
const ENDPOINT: &str = "EVOHUB_TEST_ENDPOINT";

#[test]
fn the_process_that_sends() {
    let Ok(endpoint) = env::var(ENDPOINT) else { return };
    let mut config = TraceConfig::new(&endpoint);
    config.protocol = if endpoint.contains("/v1/") { TraceProtocol::Http } else { TraceProtocol::Grpc };
    let counts = traced(config, |_| tracing::info_span!("job").in_scope(|| ()));
    assert_eq!(counts, SpanCounts { exported: 1, ..SpanCounts::default() });
}

#[test]
fn a_trusted_collector_gets_spans_over_tls_and_another_does_not() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (folder.path().join("own.pem"), folder.path().join("other.pem"));
    fs::write(&own, key.cert.pem()).unwrap();
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&other, stranger.cert.pem()).unwrap();
    for protocol in [TraceProtocol::Http, TraceProtocol::Grpc] {
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let mut tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let collector = Collector::secure(tls);
        let path = if protocol == TraceProtocol::Http { "/v1/traces" } else { "" };
        let endpoint = format!("https://localhost:{}{path}", collector.port());
        let sends = |trusted| {
            let mut command = Command::new(env::current_exe().unwrap());
            command.args(["--exact", "tls::the_process_that_sends"]);
            command.env(ENDPOINT, &endpoint).env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
            command.output().unwrap()
        };
        let sent = sends(&own);
        assert!(sent.status.success(), "{protocol:?}: {sent:?}");
        let refused = sends(&other);
        assert!(
            !refused.status.success() && format!("{refused:?}").contains("failed: 1"),
            "{protocol:?}: {refused:?}"
        );
        assert_eq!(collector.received().names(), ["job"]);
    }
}
