//! When certificates are good.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore};

use crate::TlsFiles;
use crate::endpoint::certificates;
use crate::error::TlsFilesError;

/// The time in which a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// It is not good before.
    pub begins: SystemTime,
    /// It is not good after.
    pub ends: SystemTime,
}

/// The times of all certificates in a file of the PEM form, in their order.
///
/// # Errors
/// When the file cannot be read, holds no certificate, or one of a kind that is not known.
pub fn validity(path: &Path) -> Result<Vec<Validity>, TlsFilesError> {
    let of_one =
        |certificate: &CertificateDer<'_>| of(certificate).map_err(|error| unfit(path, error.to_string()));
    certificates(path, "certificate")?.iter().map(of_one).collect()
}

/// Whether the certificate comes from the authority, by way of those behind it in its file, and is good at a moment.
///
/// # Errors
/// When a file cannot be read, and why the certificate is not good.
pub fn verify_chain(files: &TlsFiles, at: SystemTime) -> Result<(), TlsFilesError> {
    let chain = certificates(&files.certificate, "certificate")?;
    let mut roots = RootCertStore::empty();
    for authority in certificates(&files.authority, "authority")? {
        roots.add(authority).map_err(|error| unfit(&files.authority, error.to_string()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|error| unfit(&files.authority, error.to_string()))?;
    let now = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    let (own, between) = chain.split_first().map_or_else(
        || Err(TlsFilesError::Missing { what: "certificate", path: files.certificate.clone() }),
        Ok,
    )?;
    verifier
        .verify_client_cert(own, between, now)
        .map_err(|error| unfit(&files.certificate, words(&error)))?;
    Ok(())
}

/// In a few words: those of the library count seconds.
fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { .. }) => "it has expired".to_owned(),
        Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }) => {
            "it is not good yet: the clock of this machine may be wrong".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "it does not come from this authority".to_owned()
        }
        error => error.to_string(),
    }
}

/// The verifier looks at the time before all else and says what it missed. So it is asked about the beginning and the
/// end of all time.
fn of(certificate: &CertificateDer<'_>) -> Result<Validity, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let at = |seconds: u64| {
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let roots = RootCertStore::empty();
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], moment, algorithms.all)
    };
    let moment = |time: UnixTime| UNIX_EPOCH + Duration::from_secs(time.as_secs());
    let ends = match at(END) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => not_after,
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) | Ok(()) => {
            UnixTime::since_unix_epoch(Duration::from_secs(END))
        }
        Err(error) => return Err(error),
    };
    let begins = match at(0) {
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => not_before,
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) | Ok(()) => {
            UnixTime::since_unix_epoch(Duration::ZERO)
        }
        Err(error) => return Err(error),
    };
    Ok(Validity { begins: moment(begins), ends: moment(ends) })
}

/// The last second of the year 9999, after which no certificate can end.
const END: u64 = 253_402_300_799;

fn unfit(path: &Path, problem: String) -> TlsFilesError {
    TlsFilesError::Unfit { path: path.to_owned(), problem }
}

#[cfg(all(test, feature = "certificates"))]
mod tests {
    use super::*;
    use crate::test_certificates;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_certificate_says_when_it_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let made = test_certificates(folder.path(), &["a"]).unwrap();
        let now = SystemTime::now();
        for path in [&made[0].certificate, &made[0].authority] {
            let [found] = validity(path).unwrap()[..] else { panic!("one certificate") };
            assert!(found.begins < now && now < found.begins + DAY, "{found:?}");
            assert!(now + 364 * DAY < found.ends && found.ends < now + 366 * DAY, "{found:?}");
        }
        verify_chain(&made[0], now).unwrap();
        let problem = |at| verify_chain(&made[0], at).unwrap_err().to_string();
        assert!(problem(now + 366 * DAY).contains("has expired"), "{}", problem(now + 366 * DAY));
        assert!(problem(now - DAY).contains("is not good yet"), "{}", problem(now - DAY));
        let other = tempfile::tempdir().unwrap();
        let stranger = test_certificates(other.path(), &["a"]).unwrap();
        let mixed = TlsFiles { authority: stranger[0].authority.clone(), ..made[0].clone() };
        let error = verify_chain(&mixed, now).unwrap_err().to_string();
        assert!(error.contains("does not come from this authority"), "{error}");
        let error = validity(&made[0].key).unwrap_err().to_string();
        assert!(error.contains("holds no certificate"), "{error}");
    }
}
