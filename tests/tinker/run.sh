#!/usr/bin/env bash
# Starts SkyRL's Tinker server on a CPU with a tiny model and runs server_tests.ts against it: the client, and the
# example loop. Needs Python 3.11 or newer, Deno, and .venv of tests/python/run.sh, whose torch it shares: SkyRL
# imports torch, which is 6 GB; what it adds is 0.8 GB in .venv-skyrl.
# Exit status 0 means that every test ran and passed against the real server; nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
shared=${HICRA_TORCH_VENV:-$root/.venv}
venv=${HICRA_SKYRL_VENV:-$root/.venv-skyrl}

fail() {
  echo "NOT TESTED against a Tinker server: $1" >&2
  exit 1
}

command -v deno > /dev/null || fail "needs deno on PATH"
site=$(echo "$shared"/lib/python3*/site-packages)
[ -d "$site/torch" ] || fail "needs torch in $shared, run tests/python/run.sh first"

if ! cmp -s requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  "$shared/bin/python" -m venv "$venv" || fail "python -m venv does not work here"
  echo "$site" > "$(echo "$venv"/lib/python3*/site-packages)/shared_torch.pth"
  "$venv/bin/pip" install --quiet --requirement requirements.txt ||
    fail "cannot install tests/tinker/requirements.txt"
  cp requirements.txt "$venv/installed.txt"
fi

work=$(mktemp -d)
server=
stop() {
  # The server stops the engine that it started, then itself.
  [ -z "$server" ] || { kill -TERM "$server" 2> /dev/null && wait "$server"; } || true
  rm -rf "$work"
}
trap stop EXIT

# Offline: the model is made here and must not be looked for on a hub.
export HF_HUB_OFFLINE=1 JAX_PLATFORMS=cpu VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH PYTHONPATH=$PWD/site
deno eval 'import { tokenizerJson } from "../_tokenizers.ts"; console.log(JSON.stringify(await tokenizerJson("qwen3")))' \
  >"$work/tokenizer.json"
python make_model.py "$work/tokenizer.json" "$work/model"
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# The server starts its engine with the `uv run` flags of its own parent.
uv run --no-project --offline -m skyrl.tinker.api --base-model "$work/model" --host 127.0.0.1 --port "$port" \
  --session-timeout-sec 30 --session-cleanup-interval-sec 1 \
  --database-url "sqlite:///$work/tinker.db" --checkpoints-base "$work/checkpoints" \
  --backend-config '{"max_lora_adapters": 4, "max_lora_rank": 8, "sample_max_num_sequences": 16, "train_micro_batch_size": 16}' > "$work/server.log" 2>&1 &
server=$!

HICRA_TINKER_URL=http://127.0.0.1:$port HICRA_TINKER_MODEL=$work/model deno test -A "$@" server_tests.ts ||
  { tail -n 40 "$work/server.log" >&2; exit 1; }
