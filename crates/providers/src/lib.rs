//! Adapters for language models.
