//! Fake servers and fault injection for the tests.
