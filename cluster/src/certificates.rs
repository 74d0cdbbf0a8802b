//! Certificates for trying out.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::TlsFiles;

/// How long they are good.
const GOOD_FOR: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long before they are made they begin to be good: clocks differ.
const SLACK: Duration = Duration::from_secs(3600);

/// Certificates that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificatesError {
    /// A file is there already, or cannot be written.
    #[error("cannot write {path}: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the machine says.
        source: io::Error,
    },
    /// A name cannot stand in a certificate.
    #[error("cannot make a certificate for `{name}`: {problem}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        problem: String,
    },
}

/// Makes an authority and, for each name, a certificate of it with its key, good for a year: `authority.pem`, and
/// `NAME.pem` and `NAME.key` for each. Nobody but the owner can read the keys. That of the authority is not kept: a set
/// that lacks a node is made anew. The name for clients is `client`. Several names with commas share one certificate, and
/// the first of them names its files.
///
/// # Errors
/// When a file is there already or cannot be written, and when a name cannot stand in a certificate.
pub fn test_certificates(folder: &Path, names: &[&str]) -> Result<Vec<TlsFiles>, CertificatesError> {
    let unfit = |name: &str| {
        let name = name.to_owned();
        move |error: rcgen::Error| CertificatesError::Name { name, problem: error.to_string() }
    };
    let mut authority = parameters(&[], "evohub test authority").map_err(unfit("authority"))?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(unfit("authority"))?;
    let authority = CertifiedIssuer::self_signed(authority, key).map_err(unfit("authority"))?;
    std::fs::create_dir_all(folder)
        .map_err(|source| CertificatesError::Unwritable { path: folder.to_owned(), source })?;
    let authority_file = folder.join("authority.pem");
    write(&authority_file, &authority.pem(), false)?;
    let mut made = vec![];
    for shared in names {
        let shared: Vec<String> = shared.split(',').map(str::to_owned).collect();
        // Splitting gives one part at least.
        let name = shared[0].as_str();
        let key = KeyPair::generate().map_err(unfit(name))?;
        let mut certificate = parameters(&shared, name).map_err(unfit(name))?;
        certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        certificate.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = certificate.signed_by(&key, &authority).map_err(unfit(name))?;
        let files = TlsFiles {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
            authority: authority_file.clone(),
        };
        write(&files.certificate, &certificate.pem(), false)?;
        write(&files.key, &key.serialize_pem(), true)?;
        made.push(files);
    }
    Ok(made)
}

fn parameters(names: &[String], shown: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, shown);
    let now = SystemTime::now();
    parameters.not_before = (now - SLACK).into();
    parameters.not_after = (now + GOOD_FOR).into();
    Ok(parameters)
}

fn write(path: &Path, text: &str, is_secret: bool) -> Result<(), CertificatesError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| CertificatesError::Unwritable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Tls;

    #[test]
    fn each_is_good_for_its_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let made = test_certificates(folder.path(), &["a", "eu_west.b-2", "client"]).unwrap();
        for (files, name) in made.iter().zip(["a", "eu_west.b-2", "client"]) {
            Tls::from_files(files, name).unwrap();
            let error = Tls::from_files(files, "b").unwrap_err().to_string();
            assert!(error.contains("is not good for `b`"), "{error}");
        }
        let error = Tls::from_files(&made[0], "a.1").unwrap_err().to_string();
        assert!(error.contains("which is no DNS name"), "{error}");
        let error = test_certificates(folder.path(), &["a"]).unwrap_err().to_string();
        assert!(error.contains("authority.pem"), "nothing is written over: {error}");
    }

    #[test]
    fn one_may_be_good_for_several_names() {
        let folder = tempfile::tempdir().unwrap();
        let made = test_certificates(folder.path(), &["a,b,localhost", "c"]).unwrap();
        assert_eq!(made[0].certificate, folder.path().join("a.pem"));
        for name in ["a", "b", "localhost"] {
            Tls::from_files(&made[0], name).unwrap();
        }
        assert!(Tls::from_files(&made[0], "c").is_err() && Tls::from_files(&made[1], "a").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let made = test_certificates(folder.path(), &["a"]).unwrap();
        let mode = std::fs::metadata(&made[0].key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
