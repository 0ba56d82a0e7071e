//! A fake Telegram: the Bot API over HTTP, with faults.
