//! The statuses of gRPC behind the codes of ABCI.
//!
//! A node's queries end with a status of gRPC, or with an error of a module, whose status is `Unknown`. Over
//! ABCI the SDK makes a code of its own of each and appends that code's text (`gRPCErrorToSDKError` in its
//! `baseapp`). Here is the way back.

use tonic::{Code, Status};

use crate::devnet::abci::QueryResponse;

/// Texts that the SDK appends to a status on its way to ABCI.
const APPENDED: [&str; 4] = [": unknown request", ": invalid request", ": key not found", ": unauthorized"];

/// How grpc-go writes a status as a text.
const STATUS: &str = "rpc error: code = ";
const TEXT: &str = " desc = ";

/// The message of an answer, or the status of its error.
pub(super) fn of(answer: QueryResponse) -> Result<Vec<u8>, Status> {
    if answer.code == 0 {
        return Ok(answer.value.unwrap_or_default());
    }
    // A height that is not there is refused before any method is asked: that text is whole.
    let text = APPENDED.iter().find_map(|end| answer.log.strip_suffix(end)).unwrap_or(&answer.log);
    if text == "unexpected EOF" {
        return Err(unreadable());
    }
    let status = text.strip_prefix(STATUS).and_then(|rest| rest.split_once(TEXT));
    Err(match status {
        Some((name, text)) => Status::new(code(name), text),
        None => Status::unknown(text),
    })
}

/// A message that is not of the method's type.
pub(super) fn unreadable() -> Status {
    Status::internal("grpc: error unmarshalling request: unexpected EOF")
}

/// A path that no service has.
pub(super) fn unimplemented(path: &str, known: impl FnOnce(&str) -> bool) -> Status {
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or_default();
    Status::unimplemented(if known(service) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    })
}

/// The code that grpc-go calls so.
fn code(name: &str) -> Code {
    (0..=16).map(Code::from_i32).find(|code| format!("{code:?}") == name).unwrap_or(Code::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(log: &str) -> (Code, String) {
        let status = of(QueryResponse { code: 1, log: log.into(), ..QueryResponse::default() }).unwrap_err();
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn a_status_is_found_behind_its_code_of_the_sdk() {
        let missing = "rpc error: code = NotFound desc = account allo1 not found: key not found";
        assert_eq!(status(missing), (Code::NotFound, "account allo1 not found".into()));
        let wrong = "rpc error: code = InvalidArgument desc = a code = b desc = c: invalid request";
        assert_eq!(status(wrong), (Code::InvalidArgument, "a code = b desc = c".into()));
    }

    #[test]
    fn an_error_of_a_module_is_unknown() {
        let missing = "error getting topic: topic does not exist: unknown request";
        assert_eq!(status(missing), (Code::Unknown, "error getting topic: topic does not exist".into()));
        let future = "cannot query with height in the future; please provide a valid height: invalid height";
        assert_eq!(status(future), (Code::Unknown, future.into()));
    }
}
