"""Writes kmeans.json: labels of scikit-learn's KMeans from given first centres, in float64 on float32
vectors, until no vector moves.

    python kmeans.py > kmeans.json

Made with Python 3.11, numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.cluster import KMeans

rng = np.random.default_rng(3646)


def unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def bundles(rows, dimensions, count, spread):
    centres = rng.normal(size=(count, dimensions))
    return unit(centres[rng.integers(0, count, rows)] + spread * rng.normal(size=(rows, dimensions)))


def drawn(points, count):
    return points[rng.choice(len(points), count, replace=False)]


def case(name, points, centres):
    vectors = points.astype(np.float32)
    first = centres(vectors).astype(np.float32)
    model = KMeans(n_clusters=len(first), init=first.astype(float), n_init=1, tol=0, max_iter=300)
    labels = model.fit_predict(vectors.astype(float))
    assert model.n_iter_ < 300
    return {
        "name": name,
        "dimensions": vectors.shape[1],
        # Nine digits give every float32 back.
        "vectors": [float(f"{value:.9g}") for value in vectors.ravel().tolist()],
        "centres": [float(f"{value:.9g}") for value in first.ravel().tolist()],
        "labels": labels.tolist(),
    }


def with_far_centre(points):
    """The last centre is opposite to all vectors, so that none goes to it."""
    first = drawn(points, 5)
    return np.vstack([first, -10 * points.mean(axis=0, keepdims=True)])


cases = [
    case("one cluster", bundles(20, 3, 2, 0.3), lambda points: drawn(points, 1)),
    case("bundles", bundles(120, 8, 6, 0.3), lambda points: drawn(points, 6)),
    case("more clusters than bundles", bundles(120, 8, 6, 0.3), lambda points: drawn(points, 15)),
    case("noise", unit(rng.normal(size=(150, 24))), lambda points: drawn(points, 10)),
    case("a centre without vectors", unit(2 + rng.normal(size=(80, 6))), with_far_centre),
]
print("[\n" + ",\n".join(json.dumps(one) for one in cases) + "\n]")
