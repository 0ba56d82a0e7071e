//! A fake Discord: REST and gateway, with faults.
