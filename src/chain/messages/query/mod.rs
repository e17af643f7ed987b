//! Requests and answers of the emissions module's query service.

mod actor;
mod inference;
mod score;
mod stake;
mod topic;
pub mod v9;
mod window;

pub use actor::*;
pub use inference::*;
pub use score::*;
pub use stake::*;
pub use topic::*;
pub use window::*;

/// Declares queries: the method, the fields of its request, the fields of its response. Fields are
/// named as on the chain, with prost's attribute behind each.
macro_rules! queries {
    ($(
        $(#[$doc:meta])*
        $method:literal $request:ident { $($q:ident: $qt:ty = ($($qa:tt)*)),* $(,)? }
        => $response:ident { $($(#[$rdoc:meta])* $r:ident: $rt:ty = ($($ra:tt)*)),* $(,)? }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, prost::Message)]
        #[cfg_attr(test, derive(serde::Serialize))]
        #[allow(missing_docs)] // topic_id, block_height (a nonce), address: the names say it all
        pub struct $request { $(#[prost($($qa)*)] pub $q: $qt),* }

        #[doc = concat!("Answer to [`", stringify!($request), "`].")]
        #[derive(Clone, PartialEq, Eq, prost::Message)]
        #[cfg_attr(test, derive(serde::Serialize))]
        pub struct $response { $($(#[$rdoc])* #[prost($($ra)*)] pub $r: $rt),* }

        impl $crate::chain::messages::Query for $request {
            type Response = $response;
            const SERVICE: $crate::chain::messages::Service = $crate::chain::messages::Service::Emissions;
            const METHOD: &'static str = $method;
        }
    )* };
}
use queries;
