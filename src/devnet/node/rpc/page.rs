//! Pages of long answers, with CometBFT's limits and texts.

use super::{jsonrpc::RpcError, params::Args};

/// Results on a page unless the caller says otherwise, and at most.
const PER_PAGE: usize = 30;
const MAX_PER_PAGE: usize = 100;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// How many come before it.
    pub start: usize,
    /// How many it has at most.
    pub length: usize,
}

impl Page {
    /// The page that `page` and `per_page` ask for, of a list of `total`.
    pub fn of(args: &Args, total: usize) -> Result<Self, RpcError> {
        let length = length(args.integer("per_page"));
        let pages = total.div_ceil(length).max(1);
        let page = args.integer("page").unwrap_or(1);
        match usize::try_from(page) {
            Ok(wanted) if (1..=pages).contains(&wanted) => Ok(Self { start: (wanted - 1) * length, length }),
            _ => Err(RpcError::Internal(format!("page should be within [1, {pages}] range, given {page}"))),
        }
    }

    /// The elements on it.
    pub fn select<T>(self, all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(self.start).take(self.length)
    }
}

/// How many are given when so many are asked for.
pub(super) fn length(wanted: Option<i64>) -> usize {
    match wanted.map(usize::try_from) {
        None | Some(Err(_) | Ok(0)) => PER_PAGE,
        Some(Ok(wanted)) => wanted.min(MAX_PER_PAGE),
    }
}

/// In which order a search answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

impl Order {
    /// What `order_by` asks for.
    pub fn of(args: &Args) -> Result<Self, RpcError> {
        match args.text("order_by") {
            "asc" | "" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            _ => Err(RpcError::internal("expected order_by to be either `asc` or `desc` or empty")),
        }
    }
}
