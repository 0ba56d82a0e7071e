//! A fake Slack: Web API and Socket Mode, with faults.
