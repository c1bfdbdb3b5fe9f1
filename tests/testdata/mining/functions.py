"""Writes functions.json: judgements of phrases by prototypes, in numpy.

    python functions.py > functions.json

Made with Python 3.11 and numpy 2.4.6.
"""

import json

import numpy as np

KINDS = ["deduction", "branching", "backtracking", "other"]
TEMPERATURES = [0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3]


def log_density(rows, prototypes, temperature):
    return np.log(np.mean(np.exp(rows @ prototypes.T / temperature), axis=1))


def log_odds(rows, kinds, execution, temperature):
    guiding = np.stack([log_density(rows, p, temperature) for p in kinds.values()], axis=1)
    return np.log(np.mean(np.exp(guiding), axis=1)) - log_density(rows, execution, temperature), guiding


def left_out(kinds, execution, temperature):
    total = 0.0
    for name, own in [*kinds.items(), ("execution", execution)]:
        for i in range(len(own)):
            others = np.delete(own, i, 0)
            rest = {k: others if k == name else p for k, p in kinds.items()}
            odds, _ = log_odds(own[i : i + 1], rest, others if name == "execution" else execution, temperature)
            total -= np.log1p(np.exp(odds[0] if name == "execution" else -odds[0]))
    return total


def units(rng, centre, spread, rows):
    points = (centre + spread * rng.normal(size=(rows, len(centre)))).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


cases = []
for seed, (dimensions, names) in enumerate([(3, KINDS), (16, KINDS), (8, ["branching", "other"]), (2, ["deduction"])]):
    rng = np.random.default_rng(seed)
    centres = {k: rng.normal(size=dimensions) for k in names}
    kinds = {k: units(rng, centres[k], 0.4, int(rng.integers(2, 7))) for k in names}
    execution = units(rng, rng.normal(size=dimensions), 0.6, 5)
    rows = units(rng, np.zeros(dimensions), 1.0, 20)
    temperature = max(TEMPERATURES, key=lambda t: left_out(kinds, execution, t))
    odds, guiding = log_odds(rows.astype(np.float64), kinds, execution.astype(np.float64), temperature)
    shares = np.exp(guiding - guiding.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    cases.append({
        "dimensions": dimensions,
        "kinds": {k: p.ravel().tolist() for k, p in kinds.items()},
        "execution": execution.ravel().tolist(),
        "vectors": rows.ravel().tolist(),
        "temperature": temperature,
        "logOdds": odds.tolist(),
        "chosen": [KINDS.index(names[i]) for i in guiding.argmax(axis=1)],
        "confidences": shares.max(axis=1).tolist(),
    })
print(json.dumps(cases))
