//! A worker under Docker Compose.
