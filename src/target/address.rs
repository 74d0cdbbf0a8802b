//! Where a process is to be looked at.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// The port where none is given.
const PORT: u16 = 8080;

/// The address of a process's listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    has_scheme: bool,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no address.
    #[error("{0}; an address is `host:port`, `http://host:port` or `https://host:port`")]
    NoAddress(String),
    /// It says more than an address.
    #[error(
        "an address ends with the port, or with the path under which a proxy has the process; leave out {0}"
    )]
    TooMuch(&'static str),
}

impl Address {
    /// The address of a page.
    pub fn page(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    /// Takes a private certificate to mean TLS where no scheme was given; whether TLS is what there will be.
    pub fn secure(&mut self) -> bool {
        if !self.has_scheme {
            // Both are schemes of the same class, which cannot fail.
            let _ = self.url.set_scheme("https");
        }
        self.is_secure()
    }

    /// Whether it is asked over TLS.
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is this machine, whom no network hears.
    pub fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let has_scheme = text.contains("://");
        let whole = if has_scheme { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&whole).map_err(|error| AddressError::NoAddress(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            let error = format!("`{}` is not spoken here", url.scheme());
            return Err(AddressError::NoAddress(error));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::TooMuch("what is before the `@`: a token goes into a --token-file"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::TooMuch("what is from the `?` or `#` on"));
        }
        // `host:80` names the port of the scheme, which a URL does not keep.
        if !has_scheme && url.port().is_none() && !text.trim_end_matches('/').ends_with(":80") {
            let _ = url.set_port(Some(PORT));
        }
        Ok(Self { url, has_scheme })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_str().trim_end_matches('/');
        f.write_str(url.strip_prefix("http://").unwrap_or(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_have_three_forms() {
        let page = |text: &str| address(text).page("/metrics").to_string();
        assert_eq!(page("127.0.0.1:9000"), "http://127.0.0.1:9000/metrics");
        assert_eq!(page("localhost"), "http://localhost:8080/metrics");
        assert_eq!(page("host:80"), "http://host/metrics");
        assert_eq!(page("[::1]:9000"), "http://[::1]:9000/metrics");
        assert_eq!(page("http://host:9000/"), "http://host:9000/metrics");
        assert_eq!(page("https://host/evohub/"), "https://host/evohub/metrics");
        assert_eq!(address("http://host:9000").to_string(), "host:9000");
        assert_eq!(address("https://host:9000").to_string(), "https://host:9000");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let error = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert!(error("host:99999").starts_with("invalid port number; an address is `host:port`"));
        assert!(error("ftp://host").contains("`ftp` is not spoken here"));
        let refused = error("http://me:secret@host:1");
        assert!(refused.contains("--token-file") && !refused.contains("secret"), "{refused}");
        assert!(error("host:1/?a=b").contains("leave out"), "{}", error("host:1/?a=b"));
        assert!("".parse::<Address>().is_err() && ":8080".parse::<Address>().is_err());
    }

    #[test]
    fn a_private_certificate_means_tls() {
        let mut bare = address("host:9000");
        assert!(!bare.is_secure() && bare.secure());
        assert_eq!(bare.to_string(), "https://host:9000");
        assert!(!address("http://host:9000").secure());
    }

    #[test]
    fn this_machine_is_known() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "https://localhost:1"] {
            assert!(address(text).is_loopback(), "{text}");
        }
        assert!(!address("192.168.0.1:1").is_loopback() && !address("localhost.example:1").is_loopback());
    }
}
