//! Who may read what.

use std::net::SocketAddr;

use super::ListenError;
use super::tls::Tls;
use super::token::Token;

/// How the listener is protected. The standard is not at all, which is for addresses of this machine only.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Needed for metrics, details and administration. Without one there is no administration.
    pub token: Option<Token>,
    /// Needed so that nobody on the way reads the token or changes an answer.
    pub tls: Option<Tls>,
    /// Other machines may reach the listener without token or TLS.
    pub insecure: bool,
}

impl Access {
    /// Whether it is enough for this address.
    pub(super) fn permit(&self, address: SocketAddr) -> Result<(), ListenError> {
        let missing = match (&self.token, &self.tls) {
            _ if address.ip().to_canonical().is_loopback() => return Ok(()),
            (Some(_), Some(_)) => return Ok(()),
            (None, Some(_)) => "token",
            (Some(_), None) => "TLS",
            (None, None) => "token and no TLS",
        };
        if !self.insecure {
            return Err(ListenError::Exposed { address, missing });
        }
        tracing::warn!(%address, "the listener can be reached from other machines and has no {missing}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(address: &str, access: &Access) -> bool {
        access.permit(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn what_an_address_needs() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let tls = Some(Tls::from_files(&certificate, &key).unwrap());
        let token = Some(Token::new(&"correct-horse-battery".into()).unwrap());

        let nothing = Access::default();
        for address in ["127.0.0.1:0", "127.1.2.3:80", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(permits(address, &nothing), "{address}");
        }
        let half = [
            Access { token: token.clone(), ..Access::default() },
            Access { tls: tls.clone(), ..Access::default() },
        ];
        let whole = Access { token, tls, insecure: false };
        for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:80", "[::ffff:10.0.0.1]:0", "[fe80::1]:0"] {
            assert!(!permits(address, &nothing), "{address}");
            assert!(half.iter().all(|access| !permits(address, access)), "{address}");
            assert!(permits(address, &whole), "{address}");
            assert!(permits(address, &Access { insecure: true, ..Access::default() }), "{address}");
        }
    }
}
