#!/usr/bin/env bash
# Compares the presets with the real functions of TRL and verl, and DBSCAN with scikit-learn's, on a CPU.
# Needs Python 3.11 or newer, Deno, and 6.5 GB of disk for .venv: torch on PyPI brings its CUDA
# libraries, which stay unused.
# Exit status 0 means that every comparison ran and agreed; nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")"
venv=../../.venv

fail() {
  echo "NOT COMPARED with TRL, verl and scikit-learn: $1" >&2
  exit 1
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "needs python3, 3.11 or newer"
command -v deno > /dev/null || fail "needs deno on PATH"

if ! cmp -s requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv" || fail "python3 -m venv does not work here"
  "$venv/bin/pip" install --quiet --requirement requirements.txt ||
    fail "cannot install tests/python/requirements.txt"
  cp requirements.txt "$venv/installed.txt"
fi

# Offline: the tests build their model and tokenizer themselves and must not reach for a hub.
HF_HUB_OFFLINE=1 TRL_EXPERIMENTAL_SILENCE=1 "$venv/bin/python" -m pytest \
  --quiet --disable-warnings -p no:cacheprovider "$@"
