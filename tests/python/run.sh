#!/usr/bin/env bash
# All Python tests, on a CPU: the package hicra_hook against a real sidecar and the real frameworks, the presets
# against the real functions of TRL and verl, DBSCAN against scikit-learn's.
# Needs Python 3.11 or newer, Deno, and 6.5 GB of disk for .venv: torch on PyPI brings its CUDA
# libraries, which stay unused.
# Exit status 0 means that all passed. Tests of frameworks that are on no package registry skip, and say so.
set -euo pipefail
cd "$(dirname "$0")"
venv=../../.venv

fail() {
  echo "NOT TESTED with TRL, verl and scikit-learn: $1" >&2
  exit 1
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "needs python3, 3.11 or newer"
command -v deno > /dev/null || fail "needs deno on PATH"

if ! cat requirements.txt requirements-hosts.txt | cmp -s - "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv" || fail "python3 -m venv does not work here"
  "$venv/bin/pip" install --quiet --requirement requirements.txt ||
    fail "cannot install tests/python/requirements.txt"
  "$venv/bin/pip" install --quiet --no-deps --requirement requirements-hosts.txt ||
    fail "cannot install tests/python/requirements-hosts.txt"
  cat requirements.txt requirements-hosts.txt > "$venv/installed.txt"
fi

# Built anew each time: the wheel holds the sidecar, bundled from the sources as they are.
"$venv/bin/pip" install --quiet --no-deps --force-reinstall ../../hooks/python ||
  fail "cannot install hooks/python"

(
  bin=$PWD/$venv/bin
  cd ../../hooks/python
  "$bin/ruff" check --quiet --config pyproject.toml . ../../bench/sidecar ../../tests/python
  "$bin/ruff" format --quiet --check --config pyproject.toml . ../../bench/sidecar ../../tests/python
  "$bin/mypy" --no-error-summary
)

# Offline: the tests build their models and tokenizers themselves and must not reach for a hub.
export HF_HUB_OFFLINE=1 TRL_EXPERIMENTAL_SILENCE=1
run() { "$venv/bin/python" -m pytest --quiet --disable-warnings -p no:cacheprovider "$@"; }
if [ $# -gt 0 ]; then
  run "$@"
else
  run . ../../hooks/python/tests
fi
