//! The life of a window.
