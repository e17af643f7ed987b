//! Where in a real node's source an error is made: a simulation names the place.

/// Places of chain v0.17.0 with Cosmos SDK v0.50.14, by words of the error. The first row that fits counts.
const PLACES: &[(&str, &str)] = &[
    ("no message handler found for ", "cosmos/cosmos-sdk@v0.50.14/baseapp/baseapp.go:886"),
    ("tx parse error", "cosmos/cosmos-sdk@v0.50.14/x/auth/tx/decoder.go:23"),
    ("account sequence mismatch", "cosmos/cosmos-sdk@v0.50.14/x/auth/ante/sigverify.go:290"),
    ("unknown address", "cosmos/cosmos-sdk@v0.50.14/x/auth/ante/sigverify.go:493"),
    ("invalid bech32 address", "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:92"),
    (
        "block height must be greater than or equal to 0",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:103",
    ),
    ("per-topic cap is ", "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:228"),
    (
        "duplicate label after canonicalization",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:242",
    ),
    (
        "is not in topic label whitelist",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:248",
    ),
    (
        "at least one forecast element must be provided",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:306",
    ),
    (
        "nonce block height must be greater than 0",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:383",
    ),
    (
        "invalid pubkey: invalid request",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:393",
    ),
    ("signature cannot be empty", "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:399"),
    (
        "inference and forecast cannot both be nil",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:407",
    ),
    ("does not match pubkey", "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:415"),
    (
        "does not match worker address",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:420",
    ),
    ("inference topic id ", "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:425"),
    ("inference block height ", "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:428"),
    (
        "signature verification failed: unauthorized",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:462",
    ),
    (
        "reputer request nonce cannot be nil",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:537",
    ),
    (
        "inferer values cannot be nil",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:552",
    ),
    (
        "signature verification failed: invalid request",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/validations.go:815",
    ),
    (
        "label is empty after trimming",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/label_canonicalize.go:55",
    ),
    (
        "label contains a disallowed character",
        "allora-network/allora-chain@v0.17.0/x/emissions/types/label_canonicalize.go:59",
    ),
    ("label exceeds ", "allora-network/allora-chain@v0.17.0/x/emissions/types/label_canonicalize.go:71"),
    ("single-arity label must be ", "allora-network/allora-chain@v0.17.0/x/emissions/types/labels.go:21"),
    ("requires labeled values", "allora-network/allora-chain@v0.17.0/x/emissions/keeper/worker.go:1114"),
    (
        "at least one non-default label value",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/worker.go:1156",
    ),
    ("require_unity violated", "allora-network/allora-chain@v0.17.0/x/emissions/keeper/worker.go:1192"),
    (
        "Worker window not open",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/msgserver/msg_server_worker_payload.go:72",
    ),
    (
        "Error planning inference admission",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/msgserver/msg_server_worker_payload.go:139",
    ),
    (
        "worker nonce: ",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/msgserver/msg_server_reputer_payload.go:62",
    ),
    (
        "reputer nonce: ",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/msgserver/msg_server_reputer_payload.go:69",
    ),
    (
        "Reputer window not open",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/msgserver/msg_server_reputer_payload.go:76",
    ),
    (
        "reputer is not registered",
        "allora-network/allora-chain@v0.17.0/x/emissions/keeper/msgserver/msg_server_reputer_payload.go:87",
    ),
];

/// Where an error without words of its own is wrapped.
const BASE_APP: &str = "cosmos/cosmos-sdk@v0.50.14/baseapp/baseapp.go:1023";

/// Where an error is made, by its text.
pub fn place(log: &str) -> &'static str {
    PLACES.iter().find(|(words, _)| log.contains(words)).map_or(BASE_APP, |(_, place)| place)
}
