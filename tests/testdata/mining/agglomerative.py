"""Writes agglomerative.json: labels of scikit-learn's average linkage by cosine distance, in float64 on
float32 vectors, the clusters numbered by their first row.

    python agglomerative.py > agglomerative.json

Made with Python 3.11, numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.cluster import AgglomerativeClustering

rng = np.random.default_rng(3646)


def bundles(rows, dimensions, count, spread):
    centres = rng.normal(size=(count, dimensions))
    return centres[rng.integers(0, count, rows)] + spread * rng.normal(size=(rows, dimensions))


CASES = [
    ("two near", np.array([[1, 0], [0.9, 0.1]]), 0.1),
    ("two apart", np.array([[1, 0], [0, 1]]), 0.1),
    ("bundles", bundles(120, 8, 6, 0.3), 0.2),
    ("bundles cut low", bundles(120, 8, 6, 0.3), 0.02),
    ("bundles cut high", bundles(120, 8, 6, 0.3), 0.9),
    ("noise in the plane", rng.normal(size=(100, 2)), 0.05),
    ("noise", rng.normal(size=(150, 24)), 0.7),
]

cases = []
for name, points, epsilon in CASES:
    vectors = points.astype(np.float32)
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=epsilon
    )
    numbers = {}
    labels = [numbers.setdefault(x, len(numbers)) for x in model.fit_predict(vectors.astype(float))]
    cases.append({
        "name": name,
        "epsilon": epsilon,
        "dimensions": vectors.shape[1],
        # Nine digits give every float32 back.
        "vectors": [float(f"{value:.9g}") for value in vectors.ravel().tolist()],
        "labels": labels,
    })
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
