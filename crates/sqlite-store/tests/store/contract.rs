//! The contract of the store ports.

session_api::store_contract!(super::support::Directory::new());
