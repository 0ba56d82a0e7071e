//! Several statements in one trip to `SQLite`'s thread.
//!
//! sqlx runs each connection on a thread of its own; a trip there and back costs more than most statements here. So an
//! operation gathers what it reads into one script, decides, and gathers what it writes into a second one. Arguments
//! are `?`, consumed from left to right over the whole script.

use futures_util::TryStreamExt;
use sqlx::{
    Arguments, AssertSqlSafe, Either, Encode, Executor, Row, Sqlite, SqliteConnection, Type,
    sqlite::{SqliteArguments, SqliteRow},
};

/// Every script that was sent by this test process, for the test that explains them.
#[cfg(test)]
pub(crate) static SENT: parking_lot::Mutex<std::collections::BTreeSet<String>> =
    parking_lot::Mutex::new(std::collections::BTreeSet::new());

/// Statements and their arguments. Its text is put together from constants only; values are always arguments.
#[derive(Default)]
pub(crate) struct Script {
    sql: String,
    arguments: SqliteArguments,
    error: Option<sqlx::error::BoxDynError>,
}

impl Script {
    pub(crate) fn new(sql: &'static str) -> Self {
        let mut script = Self::default();
        script.add(sql);
        script
    }

    /// Appends a statement (without its semicolon).
    pub(crate) fn add(&mut self, sql: &'static str) -> &mut Self {
        self.add_text(sql)
    }

    /// Appends `sql` with `(?, ?, …)` for `count` arguments where it says `(…)`.
    pub(crate) fn add_list(&mut self, sql: &'static str, count: usize) -> &mut Self {
        let marks = vec!["?"; count].join(", ");
        self.add_text(&sql.replacen("(…)", &format!("({marks})"), 1))
    }

    /// Appends `sql` with `condition` where it says `{scope}`.
    pub(crate) fn add_where(&mut self, sql: &'static str, condition: &'static str) -> &mut Self {
        self.add_text(&sql.replacen("{scope}", condition, 1))
    }

    fn add_text(&mut self, sql: &str) -> &mut Self {
        if !self.sql.is_empty() {
            self.sql.push_str(";\n");
        }
        self.sql.push_str(sql);
        self
    }

    /// Puts a statement without arguments before all others.
    pub(crate) fn prepend(&mut self, sql: &'static str) {
        self.sql.insert_str(0, ";\n");
        self.sql.insert_str(0, sql);
    }

    /// The next argument.
    pub(crate) fn bind<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> &mut Self {
        if let Err(error) = self.arguments.add(value) {
            self.error.get_or_insert(error);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    /// Runs everything; stops at the first error.
    pub(crate) async fn run(self, connection: &mut SqliteConnection) -> Result<Answers, sqlx::Error> {
        if let Some(error) = self.error {
            return Err(sqlx::Error::Encode(error));
        }
        #[cfg(test)]
        SENT.lock().insert(self.sql.clone());
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments);
        let mut results = connection.fetch_many(query);
        let mut answers = Answers::default();
        let mut rows = Vec::new();
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Right(row) => rows.push(row),
                Either::Left(_) => answers.0.push(std::mem::take(&mut rows)),
            }
        }
        Ok(answers)
    }
}

/// The rows that each statement of a script gave, in order.
#[derive(Default)]
pub(crate) struct Answers(Vec<Vec<SqliteRow>>);

impl Answers {
    /// The rows of statement `index`.
    pub(crate) fn take(&mut self, index: usize) -> Vec<SqliteRow> {
        self.0.get_mut(index).map(std::mem::take).unwrap_or_default()
    }

    /// The first row of statement `index`.
    pub(crate) fn first(&mut self, index: usize) -> Option<SqliteRow> {
        self.take(index).into_iter().next()
    }

    /// Drops the answers of the first `count` statements.
    pub(crate) fn skip(&mut self, count: usize) {
        self.0.drain(..count.min(self.0.len()));
    }
}

/// Column `index` of `row`, decoded.
pub(crate) fn column<'r, T>(row: &'r SqliteRow, index: usize) -> Result<T, sqlx::Error>
where
    T: sqlx::Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(index)
}
