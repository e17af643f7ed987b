#!/usr/bin/env bash
# A chain of one real node for the tests of realchain: `ALLORAD=path localnet.sh up DIR` makes it in DIR, which must not
# be there yet, starts it, opens two topics (1: one number, 2: a number for each label) and writes DIR/env with what the
# tests want to know: `. DIR/env && cargo test --test realchain -- --include-ignored`. `start DIR`, `stop DIR` and
# `sync DIR` are what DIR/env names as REALCHAIN_START, REALCHAIN_STOP and REALCHAIN_SYNC; `stop` at the end, too.
#
# Written for chain v0.17.0; needs python3 and curl. What allorad says goes to DIR/log. Ports, all on loopback: RPC_PORT
# (26657), P2P_PORT (26656), GRPC_PORT (9090), and those of the node that syncs, SYNC_RPC_PORT (26667) and SYNC_P2P_PORT
# (26666). Its keys are test vectors of BIP39, public on purpose.
set -euo pipefail

command=${1:?up, start, stop or sync} dir=${2:?a folder}
: "${ALLORAD:?the path of allorad}" "${RPC_PORT:=26657}" "${P2P_PORT:=26656}" "${GRPC_PORT:=9090}"
: "${SYNC_RPC_PORT:=26667}" "${SYNC_P2P_PORT:=26666}"
for tool in "$ALLORAD" python3 curl; do
    type -P "$tool" >/dev/null || { echo "$tool cannot be run" >&2; exit 1; }
done
# Both are also asked for later, from other folders.
ALLORAD=$(realpath "$(type -P "$ALLORAD")") dir=$(realpath -m "$dir")
chain_id=localnet rpc=tcp://127.0.0.1:$RPC_PORT url=http://127.0.0.1:$RPC_PORT log=$dir/log pid=$dir/pid

# Those of the tests come last.
names=(validator admin worker purse)
phrases=(
    'legal winner thank year wave sausage worth useful legal winner thank yellow'
    'letter advice cage absurd amount doctor acoustic avoid letter advice cage above'
    'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
    'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong'
)

allorad() { "$ALLORAD" --home "$dir" "$@"; }
# quietly COMMAND...: what it says goes to the log; that it failed is said here.
quietly() { "$@" >>"$log" 2>&1 || { echo "$* failed; see $log" >&2; return 1; }; }

key() { allorad keys show "$1" --address --keyring-backend test; }

# until_true SECONDS COMMAND...: waits for the command to succeed.
until_true() {
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$limit" ] || { echo "no success in time: $*; see $log" >&2; return 1; }
        sleep 0.2
    done
}

init() {
    mkdir -p "$dir"
    quietly allorad init localnet --chain-id "$chain_id" --default-denom uallo
    local index
    for index in "${!names[@]}"; do
        quietly allorad keys add "${names[index]}" --recover --coin-type 118 --keyring-backend test \
            <<<"${phrases[index]}"
        # 10 million ALLO each.
        quietly allorad genesis add-genesis-account "${names[index]}" 10000000000000000000000000uallo \
            --keyring-backend test
    done
    python3 - "$dir/config/genesis.json" "$(key admin)" <<'PY'
import json, sys
path, admin = sys.argv[1:]
genesis = json.load(open(path))
state = genesis["app_state"]
state["feemarket"]["params"]["fee_denom"] = "uallo"
# They may create topics.
state["emissions"]["core_team_addresses"] = [*(state["emissions"].get("core_team_addresses") or []), admin]
json.dump(genesis, open(path, "w"))
PY
    quietly allorad genesis gentx validator 100000000000000000000uallo --chain-id "$chain_id" \
        --keyring-backend test
    quietly allorad genesis collect-gentxs
    sed -i 's/^timeout_commit = .*/timeout_commit = "1s"/' "$dir/config/config.toml"
    sed -i 's/^minimum-gas-prices = .*/minimum-gas-prices = "0uallo"/' "$dir/config/app.toml"
}

# node HOME RPC_PORT P2P_PORT FLAGS...: becomes a node. Without the first flag it takes the blocks' pace of the public
# networks. REST is off as it comes.
node() {
    local home=$1 rpc_port=$2 p2p_port=$3
    shift 3
    exec "$ALLORAD" --home "$home" start --unsafe-override-recommended-settings \
        --rpc.laddr "tcp://127.0.0.1:$rpc_port" --rpc.pprof_laddr '' --p2p.laddr "tcp://127.0.0.1:$p2p_port" "$@" \
        >>"$home/log" 2>&1 </dev/null
}

start() {
    # It may take its time to answer.
    if [ -e "$pid" ] && ! is_gone; then return; fi
    local grpc=(--grpc.enable=true --grpc.address "127.0.0.1:$GRPC_PORT")
    [ "${REALCHAIN_SERVICES:-on}" != off ] || grpc=(--grpc.enable=false)
    # It outlives the terminal.
    (trap '' HUP && node "$dir" "$RPC_PORT" "$P2P_PORT" "${grpc[@]}") &
    echo $! >"$pid"
}

# Another node, which knows nothing yet but the genesis and the first one.
sync() {
    local other=$dir/other peer
    rm -rf "$other"
    mkdir "$other"
    quietly "$ALLORAD" --home "$other" init other --chain-id "$chain_id"
    cp "$dir"/config/{genesis.json,config.toml,app.toml} "$other/config"
    peer=$(answer status 'answer["result"]["node_info"]["id"]')
    echo "http://127.0.0.1:$SYNC_RPC_PORT"
    node "$other" "$SYNC_RPC_PORT" "$SYNC_P2P_PORT" --p2p.persistent_peers "$peer@127.0.0.1:$P2P_PORT" \
        --grpc.enable=false
}

stop() {
    kill "-${REALCHAIN_SIGNAL:-TERM}" "$(cat "$pid")"
    until_true 60 is_gone
}

# A process that nobody has waited for is gone as well.
is_gone() {
    local process
    process=/proc/$(cat "$pid")
    [ ! -e "$process" ] || grep -q '^State:.Z' "$process/status"
}

# answer PATH EXPRESSION: what the node answers, by a Python expression.
answer() { curl -s --noproxy '*' "$url/$1" | python3 -c "import json, sys; answer = json.load(sys.stdin); print($2)"; }

# A node that has just started refuses good transactions until its next block.
has_block() { [ "$(answer status 'answer["result"]["sync_info"]["latest_block_height"]')" -ge "$1" ]; }

# is_active TOPIC: with its stake and funds it is with its first epoch.
is_active() {
    local path=%22/emissions.v10.QueryService/IsTopicActive%22
    [ "$(answer "abci_query?path=$path&data=0x080$1" 'answer["result"]["response"]["value"]')" = CAE= ]
}

# send MESSAGES: one transaction of the admin, once it is in a block.
send() {
    local signed=$dir/signed.json hash
    # What is longer would show behind what is written over it.
    rm -f "$signed"
    cat >"$dir/tx.json" <<JSON
{"body": {"messages": [$1], "memo": "", "timeout_height": "0", "extension_options": [],
  "non_critical_extension_options": []},
 "auth_info": {"signer_infos": [], "fee": {"amount": [{"denom": "uallo", "amount": "2000000"}],
  "gas_limit": "2000000", "payer": "", "granter": ""}}, "signatures": []}
JSON
    quietly allorad tx sign "$dir/tx.json" --from admin --chain-id "$chain_id" --keyring-backend test --node "$rpc" \
        --output-document "$signed"
    hash=$(allorad tx broadcast "$signed" --keyring-backend test --node "$rpc" --output json | python3 -c '
import json, sys
answer = json.load(sys.stdin)
sys.exit(answer["raw_log"]) if answer["code"] else print(answer["txhash"])')
    until_true 60 answer "tx?hash=0x$hash" 'answer["result"]["height"]'
    answer "tx?hash=0x$hash" 'sys.exit(answer["result"]["tx_result"]["log"] or None)'
}

# open_topic ID ARITY LABELS: a topic with windows of 8 blocks every 12, with a reputer's stake and funds.
open_topic() {
    local admin
    admin=$(key admin)
    send "{\"@type\": \"/emissions.v10.CreateNewTopicRequest\", \"creator\": \"$admin\", \"metadata\": \"topic $1\",
 \"loss_method\": \"mse\", \"epoch_length\": \"12\", \"ground_truth_lag\": \"12\", \"worker_submission_window\": \"8\",
 \"p_norm\": \"3.0\", \"alpha_regret\": \"0.1\", \"allow_negative\": true, \"epsilon\": \"0.01\",
 \"merit_sortition_alpha\": \"0.1\", \"active_inferer_quantile\": \"0.25\", \"active_forecaster_quantile\": \"0.25\",
 \"active_reputer_quantile\": \"0.25\", \"enable_worker_whitelist\": false, \"enable_reputer_whitelist\": false,
 \"c_norm\": \"0.75\", \"topic_type\": \"TOPIC_TYPE_REGRESSION\", \"output_arity\": \"TOPIC_OUTPUT_ARITY_$2\",
 \"require_unity\": false, \"unity_tolerance\": \"0.001\", \"max_labels_per_submission\": \"$3\",
 \"label_whitelist\": [], \"label_default_value\": \"0\"}"
    send "{\"@type\": \"/emissions.v10.RegisterRequest\", \"sender\": \"$admin\", \"topic_id\": \"$1\",
 \"owner\": \"$admin\", \"is_reputer\": true},
 {\"@type\": \"/emissions.v10.AddStakeRequest\", \"sender\": \"$admin\", \"topic_id\": \"$1\",
 \"amount\": \"1000000000000000000000000\"},
 {\"@type\": \"/emissions.v10.FundTopicRequest\", \"sender\": \"$admin\", \"topic_id\": \"$1\",
 \"amount\": \"1000000000000000000000000\"}"
}

write_env() {
    local script
    script="'$(realpath "$0")'"
    cat >"$dir/env" <<ENV
export ALLORAD='$ALLORAD' RPC_PORT=$RPC_PORT P2P_PORT=$P2P_PORT GRPC_PORT=$GRPC_PORT
export SYNC_RPC_PORT=$SYNC_RPC_PORT SYNC_P2P_PORT=$SYNC_P2P_PORT
export REALCHAIN_RPC=$url REALCHAIN_GRPC=127.0.0.1:$GRPC_PORT REALCHAIN_TOPIC=1 REALCHAIN_PAY=1
export REALCHAIN_MNEMONICS='${phrases[2]};${phrases[3]}'
export REALCHAIN_STOP="$script stop '$dir'" REALCHAIN_START="$script start '$dir'"
export REALCHAIN_SYNC="$script sync '$dir'"
ENV
}

case $command in
up)
    [ ! -e "$dir" ] || { echo "$dir is there already" >&2; exit 1; }
    init
    start
    # No node is left behind where something fails.
    trap stop EXIT
    until_true 60 has_block 2
    open_topic 1 SINGLE 8
    open_topic 2 MULTI 3
    for topic in 1 2; do until_true 120 is_active "$topic"; done
    write_env
    trap - EXIT
    echo "next: . $dir/env"
    ;;
start) start ;;
stop) stop ;;
sync) sync ;;
*) echo "up, start, stop or sync, not $command" >&2; exit 64 ;;
esac
