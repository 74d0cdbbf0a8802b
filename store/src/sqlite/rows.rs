//! Rows on their way in and out.

use evohub_evolution::Digest;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Decode, Encode, Row, Sqlite, SqliteConnection, Type};

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
    /// Inserts the rows, each as `bind` gives its values.
    pub(super) async fn run<T>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(&T, &mut Values) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
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
            query.persistent(common).execute(&mut *connection).await?;
        }
        Ok(())
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

    /// SQLite would silently make NULL of what is not a number, and drops the sign of a zero.
    pub(super) fn number(&mut self, name: &str, value: f64) -> Result<(), BoxDynError> {
        if value.is_nan() { Err(format!("{name} is not a number").into()) } else { self.0.add(value + 0.0) }
    }

    /// SQLite's integers have a sign.
    pub(super) fn count(&mut self, name: &str, value: u64) -> Result<(), BoxDynError> {
        let signed =
            i64::try_from(value).map_err(|_| format!("{name} is {value}, at most {} fit", i64::MAX))?;
        self.0.add(signed)
    }
}

/// Takes the columns of a row from left to right.
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r SqliteRow) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<T, sqlx::Error> {
        self.next += 1;
        self.row.try_get(self.next - 1)
    }

    pub(super) fn digest(&mut self) -> Result<Digest, sqlx::Error> {
        let bytes: &[u8] = self.take()?;
        self.checked(bytes.try_into().map(Digest::from_bytes).map_err(Into::into))
    }

    pub(super) fn count(&mut self) -> Result<u64, sqlx::Error> {
        let signed: i64 = self.take()?;
        self.checked(signed.try_into().map_err(Into::into))
    }

    /// A value made of a text.
    pub(super) fn parsed<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, BoxDynError>,
    ) -> Result<T, sqlx::Error> {
        let text: &str = self.take()?;
        self.checked(parse(text))
    }

    /// The value, or that the column taken last cannot be what was written.
    pub(super) fn checked<T>(&self, value: Result<T, BoxDynError>) -> Result<T, sqlx::Error> {
        let column = || self.row.column(self.next - 1);
        value.map_err(|source| sqlx::Error::ColumnDecode {
            index: sqlx::Column::name(column()).to_owned(),
            source,
        })
    }
}
