#!/usr/bin/env bash
# Installs the Python peers of `deno task bench`, the pipeline that bench/lexicons/pipeline_speed.ts runs, and the model
# that both embed with, into .venv here. Needs Python 3.11 or newer and 6.5 GB of disk: torch on PyPI brings its CUDA libraries, which
# stay unused.
set -euo pipefail
cd "$(dirname "$0")"

if ! cmp -s requirements.txt .venv/installed.txt; then
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/pip install --quiet --no-deps --requirement requirements.txt
  HF_HUB_OFFLINE=1 .venv/bin/python -W ignore models.py .venv/models
  cp requirements.txt .venv/installed.txt
fi
