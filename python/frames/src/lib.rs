//! The messages between the worker and the model process, and their bytes on descriptor 3.
//!
//! A frame is its length (four bytes, little endian) and a JSON object of that many bytes. Both
//! sides refuse a frame above [`MAX_FRAME`] before they allocate for it. The bytes of every message
//! are pinned by a snapshot test: a change of them needs a new [`PROTOCOL`] number.

mod codec;
mod messages;
mod text;

pub use codec::{Decoder, FrameError, MAX_FRAME, encode};
pub use messages::{BadValue, Confinement, Context, Fault, FromHost, Load, Prediction, ToHost};
pub use text::cut;

/// Number of this set of messages. The interpreter names it in its first frame; the
/// worker refuses any other.
pub const PROTOCOL: u32 = 2;

/// Which build speaks, for logs; compatibility is decided by [`PROTOCOL`] alone.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// The descriptor on which the model process finds the wire.
pub const WIRE_FD: i32 = 3;
