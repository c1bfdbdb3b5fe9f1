"""Calls the TypeScript module from a test, and the batches both sides are given."""

import json
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def call(name, **arguments):
    """Runs one function of the module; arrays become lists, the result becomes a numpy array."""
    arguments = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    done = subprocess.run(
        ["deno", "run", "-A", str(HERE / "baseline_bridge.ts")],
        input=json.dumps({"call": name, **arguments}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout), dtype=np.float32)


def assert_close(actual, expected):
    """The hosts compute in f32, we in f64: allow f32 rounding of sums of a few dozen terms."""
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)


def even_batches():
    """Rewards of groups of 4, contiguous as TRL wants them."""
    rng = np.random.default_rng(2509)
    groups = np.repeat(np.arange(6), 4)
    yield "binary", rng.integers(0, 2, 24).astype(np.float32), groups
    yield "real", (3 * rng.random(24) - 1).astype(np.float32), groups
    yield "small, so that epsilon shows", (1e-4 * rng.random(24)).astype(np.float32), groups
    equal = np.repeat([0.1, 1, 0, 0.7, 0.3, 0.9], 4).astype(np.float32)
    yield "all groups equal but one", np.where(np.arange(24) == 2, 1, equal), groups


def ragged_batches():
    """Rewards of scattered groups of unequal sizes, one of them a group of one."""
    rng = np.random.default_rng(3646)
    groups = rng.permutation(np.repeat([0, 1, 2, 3, 4], [1, 2, 5, 8, 13]))
    yield "binary", rng.integers(0, 2, len(groups)).astype(np.float32), groups
    yield "real", (3 * rng.random(len(groups)) - 1).astype(np.float32), groups
    yield (
        "small, so that epsilon shows",
        (1e-4 * rng.random(len(groups))).astype(np.float32),
        groups,
    )
