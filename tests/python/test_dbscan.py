"""Our DBSCAN against scikit-learn's on random vectors: all labels must be equal.

Two seeds are fixed and one is new in every run. It is part of the test's name, so a failure shows it;
add it to SEEDS to repeat it.
"""

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import DBSCAN

BRIDGE = Path(__file__).parent / "dbscan_bridge.ts"
SEEDS = [1, 2, int(np.random.SeedSequence().entropy % 2**32)]
CASES = 8


def labels_of(vectors, epsilon, min_points):
    done = subprocess.run(
        ["deno", "run", "-A", str(BRIDGE)],
        input=json.dumps(
            {
                "vectors": base64.b64encode(vectors.tobytes()).decode(),
                "dimensions": vectors.shape[1],
                "epsilon": epsilon,
                "minPoints": min_points,
            }
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout))


def random_vectors(rng):
    """Bundles of many widths, so that some epsilon finds clusters, borders and noise."""
    rows, dimensions = int(rng.integers(200, 3000)), int(rng.choice([2, 3, 16, 100, 384]))
    centers = rng.normal(size=(int(rng.integers(1, 60)), dimensions))
    spread = rng.uniform(0.05, 0.8, len(centers))
    chosen = rng.integers(0, len(centers), rows)
    points = centers[chosen] + spread[chosen, None] * rng.normal(size=(rows, dimensions))
    points[rng.integers(0, rows, rows // 20)] = points[0]  # duplicates
    return points.astype(np.float32)


@pytest.mark.parametrize("case", range(CASES))
@pytest.mark.parametrize("seed", SEEDS)
def test_labels_equal_scikit_learn(seed, case):
    rng = np.random.default_rng([seed, case])
    vectors = random_vectors(rng)
    exact = vectors.astype(np.float64)
    units = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    distances = 1 - units[:200] @ units.T
    epsilon = float(np.quantile(distances[distances > 1e-6], rng.uniform(0.0005, 0.05)))
    # Not on that distance itself, where the order of a float64 sum decides.
    epsilon += 1e-9
    min_points = int(rng.integers(1, 12))
    expected = DBSCAN(eps=epsilon, min_samples=min_points, metric="cosine").fit_predict(exact)
    np.testing.assert_array_equal(labels_of(vectors, epsilon, min_points), expected)
