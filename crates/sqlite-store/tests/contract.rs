//! The contract of the store ports.

mod support;

session_api::store_contract!(support::Directory::new());
