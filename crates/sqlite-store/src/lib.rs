//! Every store port on SQLite.
