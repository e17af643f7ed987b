//! Statements that are compiled once.

use rusqlite::{Connection, Params, Row};

/// How many are kept: more than there are.
pub(super) const STATEMENTS: usize = 64;

/// What each window asks in the same words. To compile a statement takes longer than to carry it out, and a window waits
/// for both.
pub(super) trait Cached {
    /// As [`Connection::execute`].
    fn execute_cached(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize>;

    /// As [`Connection::query_row`].
    fn query_row_cached<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T>;
}

impl Cached for Connection {
    fn execute_cached(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    fn query_row_cached<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }
}
