//! A key that signs and cannot be read back.
