//! Rows on their way in and out.

use evohub_evolution::Digest;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Decode, Encode, Row, Sqlite, SqliteConnection, Type};

use crate::reading::Columns;

/// Rows per statement. Every statement is a round trip to the connection's thread; more rows than this gain
/// nothing.
const ROWS: usize = 64;

/// An insertion of many rows by one statement.
pub(super) struct Insertion {
    /// Up to and with `VALUES`.
    pub(super) head: &'static str,
    /// Values per row.
    pub(super) columns: usize,
    /// What follows the rows.
    pub(super) tail: &'static str,
}

impl Insertion {
    /// Inserts the rows, each as `bind` gives its values. Returns how many were written.
    pub(super) async fn run<T>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(&T, &mut Values) -> Result<(), BoxDynError>,
    ) -> Result<u64, sqlx::Error> {
        let mut written = 0;
        for chunk in rows.chunks(ROWS) {
            let mut values = Values(SqliteArguments::default());
            values.0.reserve(chunk.len() * self.columns, 0);
            for row in chunk {
                bind(row, &mut values).map_err(sqlx::Error::Encode)?;
            }
            // Only full chunks and single rows come again and again: the others need no place among the
            // prepared.
            let common = chunk.len() == ROWS || chunk.len() == 1;
            let query = sqlx::query_with(AssertSqlSafe(self.statement(chunk.len())), values.0);
            written += query.persistent(common).execute(&mut *connection).await?.rows_affected();
        }
        Ok(written)
    }

    fn statement(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        format!("{} {} {}", self.head, vec![row; rows].join(","), self.tail)
    }
}

/// The values of a statement, in the order of its question marks.
pub(super) struct Values(SqliteArguments);

impl Values {
    pub(super) fn add<'v>(
        &mut self,
        value: impl Encode<'v, Sqlite> + Type<Sqlite>,
    ) -> Result<(), BoxDynError> {
        self.0.add(value)
    }

    pub(super) fn digest(&mut self, digest: Digest) -> Result<(), BoxDynError> {
        self.0.add(digest.to_bytes().as_slice())
    }

    /// A number, without the sign of a zero, which SQLite drops at times.
    pub(super) fn number(&mut self, value: f64) -> Result<(), BoxDynError> {
        self.0.add(value + 0.0)
    }

    /// SQLite's integers have a sign.
    pub(super) fn count(&mut self, value: u64) -> Result<(), BoxDynError> {
        self.0.add(i64::try_from(value)?)
    }
}

/// The columns of a row, from left to right.
pub(super) struct SqliteColumns<'r> {
    row: &'r SqliteRow,
    next: usize,
}

impl<'r> SqliteColumns<'r> {
    pub(super) fn of(row: &'r SqliteRow) -> Self {
        Self { row, next: 0 }
    }

    fn take<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<T, sqlx::Error> {
        self.next += 1;
        self.row.try_get(self.next - 1)
    }
}

impl Columns for SqliteColumns<'_> {
    fn flag(&mut self) -> Result<bool, sqlx::Error> {
        self.take()
    }

    fn integer(&mut self) -> Result<i64, sqlx::Error> {
        self.take()
    }

    fn number(&mut self) -> Result<f64, sqlx::Error> {
        self.take()
    }

    fn optional_number(&mut self) -> Result<Option<f64>, sqlx::Error> {
        self.take()
    }

    fn bytes(&mut self) -> Result<&[u8], sqlx::Error> {
        self.take()
    }

    fn plain(&mut self) -> Result<&str, sqlx::Error> {
        self.take()
    }

    fn optional_plain(&mut self) -> Result<Option<&str>, sqlx::Error> {
        self.take()
    }

    fn text(&mut self) -> Result<String, sqlx::Error> {
        self.take()
    }

    fn optional_text(&mut self) -> Result<Option<String>, sqlx::Error> {
        self.take()
    }

    fn checked<T>(&self, value: Result<T, BoxDynError>) -> Result<T, sqlx::Error> {
        let column = || self.row.column(self.next - 1);
        value.map_err(|source| sqlx::Error::ColumnDecode {
            index: sqlx::Column::name(column()).to_owned(),
            source,
        })
    }
}
