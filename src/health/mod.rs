//! Heartbeat, probe, status.
