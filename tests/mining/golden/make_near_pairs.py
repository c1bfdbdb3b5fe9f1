"""Golden pairs of rows at most a cosine distance apart, in numpy float64.

Writes near_pairs.json beside this file; needs numpy:
    python3 tests/mining/golden/make_near_pairs.py
"""

import json
from pathlib import Path

import numpy as np

random = np.random.default_rng(20250903)
cases = []
for rows, dimensions, epsilon in [(30, 1, 0.5), (90, 3, 0.1), (70, 10, 0.6), (66, 33, 0.95)]:
    # Few digits keep the file short; float32 holds them with the rounding that the test repeats.
    vectors = random.normal(size=(rows, dimensions)).round(3).astype(np.float32)
    vectors[5] = -vectors[0]
    vectors[rows - 1] = 2 * vectors[1]
    exact = vectors.astype(np.float64)
    units = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    distances = 1 - units @ units.T
    # No distance may be so near to epsilon that the order of a float64 sum decides.
    assert np.abs(distances - epsilon).min() > 1e-9
    near = np.triu(distances <= epsilon, k=1)
    cases.append({
        "dimensions": dimensions,
        "epsilon": epsilon,
        "vectors": [float(f"{value:.3f}") for value in vectors.flatten()],
        "pairs": np.argwhere(near).tolist(),
    })

golden = {"generator": f"make_near_pairs.py, numpy {np.__version__}, float64", "cases": cases}
path = Path(__file__).parent / "near_pairs.json"
path.write_text(json.dumps(golden) + "\n")
