//! Where a database of PostgreSQL is, and who comes there with what password.

use std::fmt;
use std::hash::{Hash, Hasher};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::redacted;

/// A URL of PostgreSQL, such as `postgres://ann@db:5432/evohub` or `postgres:///evohub?host=/run/postgresql`.
///
/// What it does not say is taken from the environment (`PGHOST`, `PGUSER`, `PGPASSWORD`, …) and the password from
/// `~/.pgpass`, as PostgreSQL's own programs do. Displayed and debugged without its password and its parameters.
#[derive(Clone)]
pub struct PostgresUrl(SecretString);

/// What may stand behind the question mark. The driver would pass over all others, and write them to the log.
const PARAMETERS: [&str; 19] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
    "options[",
];

/// What a URL looks like.
const FORM: &str = "write `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `%2F` for `/`, `%3F` for `?`, `%23` for \
                    `#` and `%40` for `@` in a password";

impl PostgresUrl {
    /// The URL, or why it is none, without its secrets.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Err(FORM.to_owned());
        }
        // Behind the host: a password may hold any sign.
        let behind = &text[text.rfind('@').unwrap_or(0)..];
        for pair in behind.split_once('?').map_or("", |(_, parameters)| parameters).split('&') {
            let name = pair.split('=').next().unwrap_or_default();
            let name = name.split_inclusive('[').next().unwrap_or_default();
            if !name.is_empty() && !PARAMETERS.contains(&name) {
                return Err(format!("a parameter of PostgreSQL's URL cannot be called `{name}`"));
            }
        }
        let url = Self(SecretString::from(text));
        url.options().map(|_| url)
    }

    /// How to connect, or why the URL is none.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, String> {
        let parsed: Result<PgConnectOptions, sqlx::Error> = self.0.expose_secret().parse();
        // What it says is not passed on: it may quote the password.
        parsed.map_err(|_| FORM.to_owned())
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.0.expose_secret()))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for PostgresUrl {}

impl Hash for PostgresUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.expose_secret().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_who() {
        let options = PostgresUrl::parse("postgres://ann:p%2Fw@db:5433/evohub").unwrap().options().unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("db", 5433));
        assert_eq!((options.get_username(), options.get_database()), ("ann", Some("evohub")));
        let socket = "postgresql:///evohub?host=/run/postgresql&user=ann&options[search_path]=a";
        let options = PostgresUrl::parse(socket).unwrap().options().unwrap();
        assert_eq!(options.get_socket().and_then(|path| path.to_str()), Some("/run/postgresql"));
        assert_eq!((options.get_username(), options.get_database()), ("ann", Some("evohub")));
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for (text, said) in [
            ("postgres://ann:hun/ter2@db/evohub", "%2F"),
            ("postgres://ann:hunter2@db:many/evohub", "postgres://USER:PASSWORD@"),
            ("postgres:jobs", "postgres://USER:PASSWORD@"),
            ("postgres://db/evohub?passwort=hunter2", "`passwort`"),
        ] {
            let why = PostgresUrl::parse(text).unwrap_err();
            assert!(why.contains(said) && !why.contains("ter2"), "{why}");
        }
    }
}
