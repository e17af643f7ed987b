//! Rounds as CSV and JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::RoundRow;

/// Writes a header and one line for each round: RFC 4180, lines end in CRLF, an absent value is empty, and
/// control characters in reasons are escaped as in Rust (`\n`), so that a round stays one line.
///
/// # Errors
/// Those of `out`.
pub fn write_csv(rounds: &[RoundRow], out: impl Write) -> io::Result<()> {
    let mut csv =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).has_headers(false).from_writer(out);
    csv.write_record(COLUMNS)?;
    for round in rounds {
        csv.serialize(record(round))?;
    }
    csv.flush()
}

/// Writes a bare JSON array, a round to a line.
///
/// # Errors
/// Those of `out`.
pub fn write_json(rounds: &[RoundRow], mut out: impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    for (index, round) in rounds.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut out, round)?;
    }
    out.write_all(b"\n]\n")
}

/// The columns, as people and scripts read them.
const COLUMNS: [&str; 16] = [
    "topic_id",
    "nonce",
    "state",
    "reason",
    "value",
    "tx_hash",
    "height",
    "fee",
    "gas_used",
    "attempts",
    "opened_at",
    "predicted_at",
    "prepared_at",
    "broadcast_at",
    "finished_at",
    "endpoint",
];

/// The cells of [`COLUMNS`].
fn record(round: &RoundRow) -> impl Serialize {
    let escaped = round.reason.as_deref().map(escape_controls);
    (
        round.topic_id,
        round.nonce,
        round.state,
        escaped,
        &round.value,
        &round.tx_hash,
        round.height,
        round.fee,
        round.gas_used,
        round.attempts,
        round.opened_at,
        round.predicted_at,
        round.prepared_at,
        round.broadcast_at,
        round.finished_at,
        &round.endpoint,
    )
}

fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}
