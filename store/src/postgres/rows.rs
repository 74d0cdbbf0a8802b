//! Rows on their way in and out.

use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type};

use super::text;
use crate::reading::Columns;

/// One column of the records, as an array: a statement takes any number of rows as one array for each column.
pub(super) fn column<'r, R, T>(records: &[&'r R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    records.iter().map(|record| value(record)).collect()
}

/// A number, without the sign of a zero.
pub(super) fn number(value: f64) -> f64 {
    value + 0.0
}

/// A count, which was checked to fit.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The columns of a row, from left to right.
pub(super) struct PgColumns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> PgColumns<'r> {
    pub(super) fn of(row: &'r PgRow) -> Self {
        Self { row, next: 0 }
    }

    fn take<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, sqlx::Error> {
        self.next += 1;
        self.row.try_get(self.next - 1)
    }
}

impl Columns for PgColumns<'_> {
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
        let written = self.take()?;
        self.checked(text::read(written))
    }

    fn optional_text(&mut self) -> Result<Option<String>, sqlx::Error> {
        let written: Option<String> = self.take()?;
        self.checked(written.map(text::read).transpose())
    }

    fn checked<T>(&self, value: Result<T, BoxDynError>) -> Result<T, sqlx::Error> {
        let column = || self.row.column(self.next - 1);
        value.map_err(|source| sqlx::Error::ColumnDecode {
            index: sqlx::Column::name(column()).to_owned(),
            source,
        })
    }
}
