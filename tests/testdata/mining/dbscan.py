"""Writes dbscan.json: labels of scikit-learn's DBSCAN(metric="cosine") in float64 on float32 vectors.

    python dbscan.py > dbscan.json

Made with Python 3.11, numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.cluster import DBSCAN

rng = np.random.default_rng(2509)


def blobs(dimensions, per_blob, blobs, spread, noise):
    centres = rng.normal(size=(blobs, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    points = np.repeat(centres, per_blob, axis=0)
    points = points + spread * rng.normal(size=points.shape) / np.sqrt(dimensions)
    return rng.permutation(np.vstack([points, rng.normal(size=(noise, dimensions))]))


def rings():
    """Two circles of latitude on the sphere, and a few points between them."""
    turns = rng.uniform(0, 2 * np.pi, (2, 60))
    heights = np.array([[0.2], [0.8]]) + rng.normal(scale=0.01, size=(2, 60))
    radii = np.sqrt(1 - heights**2)
    points = np.stack([radii * np.cos(turns), radii * np.sin(turns), heights], axis=-1)
    return rng.permutation(np.vstack([points.reshape(-1, 3), rng.normal(size=(10, 3))]))


def fan(*degrees):
    """Points on the circle, where cosine distance is easy to follow."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


# 1 - cos(10.5 degrees) = 0.0167: neighbours are up to 10 degrees apart.
TEN_DEGREES = 1 - np.cos(np.radians(10.5))
CASES = [
    ("no vector", np.zeros((0, 2)), 0.1, 1),
    ("one vector that is its own core", fan(0), 0.1, 1),
    ("one vector that is noise", fan(0), 0.1, 2),
    ("two neighbours", fan(0, 10), TEN_DEGREES, 2),
    ("two neighbours too few", fan(0, 10), TEN_DEGREES, 3),
    ("two vectors apart", fan(0, 20), TEN_DEGREES, 2),
    ("opposite vectors", fan(0, 180), 2, 2),
    ("chain", fan(0, 10, 20, 30, 40), TEN_DEGREES, 3),
    # 0 has 2 neighbours beside itself, one in each cluster.
    ("border shared by two clusters, it stands first", fan(0, 9, 12, 15, -9, -12, -15), TEN_DEGREES, 4),
    ("border shared by two clusters, it stands last", fan(-9, -12, -15, 9, 12, 15, 0), TEN_DEGREES, 4),
    ("border of the second cluster only by its number", fan(9, 0, -15, -12, -9, 12, 15), TEN_DEGREES, 4),
    ("borders between two clusters", fan(0, 40, 2, 42, 3, 43, 4, 44, 13, 31, 17), TEN_DEGREES, 5),
    ("duplicates", np.repeat(fan(0, 50, 100), [4, 3, 1], axis=0)[[0, 4, 1, 7, 5, 2, 6, 3]], 0.001, 3),
    ("lengths do not matter", fan(0, 5, 90, 95) * np.array([[1], [2.5], [0.3], [100]]), 0.01, 2),
    ("blobs", blobs(16, 30, 5, 0.5, 40), 0.15, 5),
    ("blobs whose borders meet", blobs(3, 40, 6, 0.5, 40), 0.01, 6),
    ("rings on the sphere", rings(), 0.03, 4),
    ("all noise", rng.normal(size=(60, 32)), 0.2, 3),
    ("all one cluster", blobs(8, 80, 1, 0.3, 0), 0.3, 4),
]

cases = []
for name, points, epsilon, min_points in CASES:
    vectors = points.astype(np.float32)
    labels = []
    if len(vectors) > 0:
        model = DBSCAN(eps=epsilon, min_samples=min_points, metric="cosine")
        labels = model.fit_predict(vectors.astype(np.float64)).tolist()
    cases.append({
        "name": name,
        "epsilon": float(epsilon),
        "minPoints": min_points,
        "dimensions": vectors.shape[1],
        # Nine digits give every float32 back.
        "vectors": [float(f"{value:.9g}") for value in vectors.ravel().tolist()],
        "labels": labels,
    })
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
