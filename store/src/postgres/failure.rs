//! What PostgreSQL's codes of errors mean to a user.

use std::time::Duration;

use super::opening;
use crate::error::{StoreError, StoreErrorKind as Kind};

/// What is said of a server that does not write.
pub(super) const READ_ONLY: &str =
    "is read-only, it may be a standby: name the server that writes, or allow writing to the database";

/// PostgreSQL's code of the error, if it comes from there.
fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Whether there is a second row with the same unique value.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some("23505")
}

/// That the server did not answer in time.
pub(super) fn silent(address: &str, time: Duration) -> StoreError {
    let message = format!(
        "the store {address} does not answer within {} s: see whether the server runs, and whether its host can be \
         reached",
        time.as_secs_f64()
    );
    StoreError::new(Kind::Unavailable, message)
}

/// The error in words, with where it happened and what to do.
pub(super) fn explained(address: &str, error: &sqlx::Error) -> StoreError {
    let (kind, what) = match code(error) {
        Some(code) => {
            let said = error.as_database_error().map_or("", |error| error.message());
            of_server(&code, said)
        }
        None => of_client(error),
    };
    StoreError::new(kind, format!("the store {address} {what}"))
}

fn of_client(error: &sqlx::Error) -> (Kind, String) {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            (Kind::Corrupt, format!("holds what was never written ({error}): restore it from a backup"))
        }
        sqlx::Error::Encode(source) => (Kind::Invalid, format!("cannot hold this: {source}")),
        sqlx::Error::PoolClosed => (Kind::Unavailable, "is closed already".to_owned()),
        sqlx::Error::PoolTimedOut => (
            Kind::Unavailable,
            format!(
                "has no free connection for {} s: see whether the server runs and can be reached, or what keeps the \
                 {} connections busy",
                opening::CONNECT.as_secs(),
                opening::CONNECTIONS
            ),
        ),
        sqlx::Error::Io(source) => (
            Kind::Unavailable,
            format!("cannot be reached ({source}): see whether the server runs, and try again"),
        ),
        sqlx::Error::Tls(source) => {
            (Kind::Unavailable, format!("cannot be reached by TLS ({source}): see `sslmode` and its files"))
        }
        _ => (Kind::Unavailable, format!("cannot be used: {error}")),
    }
}

fn of_server(code: &str, said: &str) -> (Kind, String) {
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        (_, "25006") => (Kind::NotWritable, READ_ONLY.to_owned()),
        (_, "42501") => (
            Kind::NotWritable,
            format!("may not be written by this user ({said}): grant the right, or name another user"),
        ),
        (_, "53100") => (
            Kind::NotWritable,
            format!("cannot grow ({said}): free some space and go on; what was written is safe"),
        ),
        (_, "53300") => (
            Kind::Unavailable,
            format!("takes no more connections ({said}): raise its max_connections, or run fewer processes"),
        ),
        (_, "3D000") => {
            (Kind::Unavailable, format!("is not there ({said}): make it (createdb), or name another"))
        }
        ("28", _) => (
            Kind::Unavailable,
            format!("refuses the user ({said}): see user and password, and the server's pg_hba.conf"),
        ),
        (_, "57014") => (
            Kind::Unavailable,
            format!("took too long ({said}): see what keeps the server busy, or who holds a lock there"),
        ),
        ("08" | "53" | "55" | "57" | "58", _) => {
            (Kind::Unavailable, format!("cannot be used now ({said}): see the server's log, and try again"))
        }
        // The transaction was given up in favour of another.
        (_, "40001" | "40P01" | "25P03") => {
            (Kind::Unavailable, format!("could not do this now ({said}): try again"))
        }
        ("22" | "54", _) => (Kind::Invalid, format!("cannot hold this: {said}")),
        ("XX", "XX001" | "XX002") => {
            (Kind::Corrupt, format!("is damaged ({said}): restore it from a backup, or name another store"))
        }
        (_, "42P01" | "42703" | "42883" | "42723" | "42P07" | "3F000") => (
            Kind::Incompatible,
            format!(
                "has other tables than were made ({said}): restore it from a backup, or name another store"
            ),
        ),
        _ => (Kind::Unavailable, format!("cannot be used: {said} (code {code})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_calls_for_its_answer() {
        for (code, kind, said) in [
            ("57P01", Kind::Unavailable, "try again"),
            ("57P03", Kind::Unavailable, "try again"),
            ("40P01", Kind::Unavailable, "try again"),
            ("40001", Kind::Unavailable, "try again"),
            ("08006", Kind::Unavailable, "try again"),
            ("57014", Kind::Unavailable, "lock"),
            ("53300", Kind::Unavailable, "max_connections"),
            ("53100", Kind::NotWritable, "space"),
            ("25006", Kind::NotWritable, "standby"),
            ("42501", Kind::NotWritable, "grant"),
            ("28P01", Kind::Unavailable, "password"),
            ("3D000", Kind::Unavailable, "createdb"),
            ("42P01", Kind::Incompatible, "tables"),
            ("22021", Kind::Invalid, "hold"),
            ("54000", Kind::Invalid, "hold"),
            ("XX001", Kind::Corrupt, "backup"),
            ("99999", Kind::Unavailable, "99999"),
        ] {
            let (found, what) = of_server(code, "so it is");
            assert_eq!(found, kind, "{code}");
            assert!(what.contains(said), "{code}: {what}");
        }
    }

    #[test]
    fn what_the_driver_says_is_told_apart() {
        let error = explained("here", &sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into()));
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.message.starts_with("the store here cannot be reached"), "{error}");
        assert_eq!(explained("here", &sqlx::Error::PoolTimedOut).kind, Kind::Unavailable);
        assert_eq!(explained("here", &sqlx::Error::Decode("odd".into())).kind, Kind::Corrupt);
    }
}
