//! Windows and nonces.

use crate::{
    chain::messages::{Nonce, Nonces, ReputerRequestNonce, ReputerRequestNonces, query::*},
    devnet::app::{
        address::Address,
        answer::{Answer, answer},
        emissions::{Emissions, topic::signed},
        error::{AbciError, sdk},
    },
};

impl Emissions {
    pub(super) fn window_query(&self, method: &str, data: &[u8], height: u64) -> Option<Answer> {
        let worker = |id| self.worker_nonces(id);
        let reputer = |id| self.topic(id).into_iter().flat_map(|topic| topic.reputer_nonces.keys().copied());
        let open = |id, nonce: &u64| {
            self.topic(id).is_some_and(|topic| {
                (topic.reputer_window_start(*nonce)..=topic.reputer_window_end(*nonce)).contains(&height)
            })
        };
        Some(match method {
            "GetUnfulfilledWorkerNonces" => answer(data, |request: GetUnfulfilledWorkerNoncesRequest| {
                Ok(GetUnfulfilledWorkerNoncesResponse { nonces: Some(nonces(worker(request.topic_id))) })
            }),
            "GetOpenWorkerSubmissionWindows" => {
                answer(data, |request: GetOpenWorkerSubmissionWindowsRequest| {
                    Ok(GetOpenWorkerSubmissionWindowsResponse {
                        nonces: Some(nonces(worker(request.topic_id))),
                    })
                })
            }
            "IsWorkerNonceUnfulfilled" => answer(data, |request: IsWorkerNonceUnfulfilledRequest| {
                Ok(IsWorkerNonceUnfulfilledResponse {
                    is_worker_nonce_unfulfilled: worker(request.topic_id)
                        .any(|nonce| signed(nonce) == request.block_height),
                })
            }),
            "GetUnfulfilledReputerNonces" => answer(data, |request: GetUnfulfilledReputerNoncesRequest| {
                let nonces = reputer_nonces(reputer(request.topic_id));
                Ok(GetUnfulfilledReputerNoncesResponse { nonces: Some(nonces) })
            }),
            "GetOpenReputerSubmissionWindows" => {
                answer(data, |request: GetOpenReputerSubmissionWindowsRequest| {
                    let id = request.topic_id;
                    let nonces = reputer_nonces(reputer(id).filter(|nonce| open(id, nonce)));
                    Ok(GetOpenReputerSubmissionWindowsResponse { nonces: Some(nonces) })
                })
            }
            "IsReputerNonceUnfulfilled" => answer(data, |request: IsReputerNonceUnfulfilledRequest| {
                Ok(IsReputerNonceUnfulfilledResponse {
                    is_reputer_nonce_unfulfilled: reputer(request.topic_id)
                        .any(|nonce| signed(nonce) == request.block_height),
                })
            }),
            "GetWorkerSubmissionWindowStatus" => answer(data, |request| self.worker_window_status(&request)),
            "GetReputerSubmissionWindowStatus" => {
                answer(data, |request| self.reputer_window_status(&request, height))
            }
            _ => return None,
        })
    }

    fn worker_window_status(
        &self,
        request: &GetWorkerSubmissionWindowStatusRequest,
    ) -> Result<GetWorkerSubmissionWindowStatusResponse, AbciError> {
        let topic = self.get(request.topic_id)?;
        let address = optional_address(&request.address)?;
        let mut status = GetWorkerSubmissionWindowStatusResponse {
            is_registered: address.is_some_and(|address| topic.workers.contains_key(&address)),
            is_whitelisted: address.is_some_and(|address| self.may_submit(request.topic_id, address)),
            is_topic_active: topic.active,
            ..Default::default()
        };
        if let Some((nonce, _)) = topic.windows.last() {
            status.is_open = true;
            status.current_nonce_block_height = signed(*nonce);
            status.window_start_block = signed(*nonce);
            status.window_end_block = signed(topic.window_end(*nonce));
        }
        if topic.active {
            status.next_window_start_block = signed(topic.next_nonce);
            status.next_window_end_block = signed(topic.window_end(topic.next_nonce));
        }
        Ok(status)
    }

    fn reputer_window_status(
        &self,
        request: &GetReputerSubmissionWindowStatusRequest,
        height: u64,
    ) -> Result<GetReputerSubmissionWindowStatusResponse, AbciError> {
        let topic = self.get(request.topic_id)?;
        let address = optional_address(&request.address)?;
        let mut status = GetReputerSubmissionWindowStatusResponse {
            is_registered: address.is_some_and(|address| topic.reputers.contains_key(&address)),
            is_whitelisted: address.is_some(),
            is_topic_active: topic.active,
            ..Default::default()
        };
        let (open, waiting): (Vec<u64>, Vec<u64>) = topic
            .reputer_nonces
            .keys()
            .copied()
            .partition(|nonce| topic.reputer_window_start(*nonce) <= height);
        if let Some(nonce) = open.last() {
            status.is_open = true;
            status.current_nonce_block_height = signed(*nonce);
            status.window_start_block = signed(topic.reputer_window_start(*nonce));
            status.window_end_block = signed(topic.reputer_window_end(*nonce));
        }
        if let Some(nonce) = waiting.first() {
            status.next_window_start_block = signed(topic.reputer_window_start(*nonce));
            status.next_window_end_block = signed(topic.reputer_window_end(*nonce));
        }
        Ok(status)
    }

    fn worker_nonces(&self, id: u64) -> impl Iterator<Item = u64> {
        self.topic(id).into_iter().flat_map(|topic| topic.windows.keys().copied())
    }
}

fn optional_address(text: &str) -> Result<Option<Address>, AbciError> {
    let wrong = |error| {
        sdk::INVALID_REQUEST.wrap(format!("invalid address format: error validating actor id: {error}"))
    };
    if text.is_empty() { Ok(None) } else { Address::parse(text).map(Some).map_err(wrong) }
}

fn nonces(heights: impl Iterator<Item = u64>) -> Nonces {
    Nonces { nonces: heights.map(|height| Nonce { block_height: signed(height) }).collect() }
}

fn reputer_nonces(heights: impl Iterator<Item = u64>) -> ReputerRequestNonces {
    let nonce = |height| ReputerRequestNonce { reputer_nonce: Some(Nonce { block_height: signed(height) }) };
    ReputerRequestNonces { nonces: heights.map(nonce).collect() }
}
