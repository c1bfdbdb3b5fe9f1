"""Golden values of the credit kernel: exact rational arithmetic, square roots to 60 digits.

Writes credit.json beside this file; Python's standard library only:
    python3 tests/kernels/credit/golden/make_credit.py
"""

import json
import platform
import random
import struct
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

getcontext().prec = 60


def f32(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def round_to_f32(exact: Fraction) -> int:
    """Bits of the f32 nearest to an exact value, ties to even."""
    guess = bits_of(float(exact))
    magnitude = guess & 0x7FFFFFFF
    around = [guess + d for d in (-1, 0, 1) if 0 <= magnitude + d < 0x7F800000]
    return min(around, key=lambda b: (abs(Fraction(f32(b)) - exact), b & 1))


def values(bits: list[int]) -> list[Fraction]:
    return [Fraction(f32(b)) for b in bits]


def root(square: Fraction) -> Fraction:
    return Fraction((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())


# One transform of given token advantages: HICRA with a gain for each kind.

random.seed(20250903)
gains = [bits_of(g) for g in (0.0, 0.2, 0.5, 0.99, 1.0)]
advantages = [bits_of(random.choice((-1, 1)) * 10 ** random.uniform(-6, 3)) for _ in range(96)]
kinds = [random.randrange(5) for _ in advantages]


def amplified(symmetric: bool) -> list[int]:
    out = []
    for bits, kind in zip(advantages, kinds):
        a, gain = Fraction(f32(bits)), Fraction(f32(gains[kind]))
        out.append(bits if gain == 0 else round_to_f32(a + gain * (a if symmetric else abs(a))))
    return out


# Group baselines.

rewards = [bits_of(r) for r in [random.choice((0.0, 1.0)) for _ in range(12)]]
rewards += [bits_of(random.uniform(0.1, 3)) for _ in range(12)]
rewards += [bits_of(1e6 + random.randrange(16) / 16) for _ in range(9)]
rewards += [bits_of(0.3)] * 5 + [bits_of(-2.5)]
group_ids = [i % 2 for i in range(12)] + [2 + i % 3 for i in range(12)] + [9] * 9 + [7] * 5 + [-7]
order = list(range(len(rewards)))
random.shuffle(order)
rewards = [rewards[i] for i in order]
group_ids = [group_ids[i] for i in order]


def mean(xs: list[Fraction]) -> Fraction:
    return sum(xs) / len(xs)


def deviation(xs: list[Fraction], ddof: int) -> Fraction:
    if len(xs) <= ddof:
        return Fraction(0)
    m = mean(xs)
    return root(sum((x - m) ** 2 for x in xs) / (len(xs) - ddof))


def guarded(spread: Fraction, epsilon: Fraction, place: str) -> Fraction:
    if spread == 0:
        return Fraction(1)
    if place == "add":
        return spread + epsilon
    return max(spread, epsilon) if place == "floor" else root(spread**2 + epsilon)


def baseline(center: str, scale: str, ddof: int, epsilon: float, place: str) -> list[int]:
    out = []
    every = values(rewards)
    eps = Fraction(epsilon)
    for s, r in enumerate(every):
        members = [i for i, g in enumerate(group_ids) if g == group_ids[s]]
        group = [every[i] for i in members]
        others = [every[i] for i in members if i != s]
        if not others:  # singleton "reward"
            spread = {"group-std": Fraction(1), "leave-one-out-std": Fraction(1)}.get(scale, Fraction(0))
            if scale == "batch-std":
                spread = deviation(every, ddof)
            out.append(round_to_f32(r / guarded(spread, eps, place)))
            continue
        centered = r - {"mean": mean(group), "leave-one-out": mean(others), "none": 0}[center]
        if scale == "mean" and mean(group) <= 0:
            out.append(0)
            continue
        spread = {
            "none": lambda: Fraction(0),
            "group-std": lambda: deviation(group, ddof),
            "leave-one-out-std": lambda: deviation(others, ddof),
            "batch-std": lambda: deviation(every, ddof),
            "mean": lambda: mean(group),
        }[scale]()
        out.append(round_to_f32(centered / guarded(spread, eps, place)))
    return out


conventions = [
    ("mean", "none", 1, 1e-6, "add"),
    ("leave-one-out", "none", 1, 1e-6, "add"),
    ("mean", "group-std", 1, 1e-6, "add"),
    ("mean", "group-std", 0, 1e-8, "add"),
    ("mean", "batch-std", 1, 1e-4, "add"),
    ("leave-one-out", "leave-one-out-std", 1, 1e-4, "floor"),
    ("mean", "group-std", 1, 1e-8, "variance"),
    ("mean", "mean", 1, 0.0, "add"),
]

# The other transforms, on the same token advantages in sequences and groups.

offsets = [0, 0, 1, 17, 40, 40, 71, 96]
sequence_groups = [3, 5, 3, 5, 3, 3, 8]
loss_mask = [1 if random.random() < 0.85 else 0 for _ in advantages]
entropies = [bits_of(random.uniform(0, 3)) for _ in advantages]
logprobs = [bits_of(-random.expovariate(1)) for _ in advantages]
sequences = list(zip(offsets, offsets[1:]))
A, H = values(advantages), values(entropies)
S = [-v for v in values(logprobs)]
ALPHA, KAPPA, BETA, GAMMA, LAMBDA = (Fraction(x) for x in (0.25, 2.0, 0.5, 0.3, 0.75))


def trained(s: int) -> list[int]:
    return [t for t in range(*sequences[s]) if loss_mask[t]]


def gain(t: int) -> Fraction:
    return ALPHA if kinds[t] and loss_mask[t] else Fraction(0)


def mass_preserving() -> list[int]:
    out = list(advantages)
    for s in range(len(sequences)):
        ts = trained(s)
        if not any(gain(t) for t in ts):
            continue
        shaped = {t: A[t] + gain(t) * abs(A[t]) for t in ts}
        scale = sum(abs(A[t]) for t in ts) / sum(abs(x) for x in shaped.values())
        for t in ts:
            out[t] = round_to_f32(shaped[t] * scale)
    return out


def baseline_corrected() -> list[int]:
    out = list(advantages)
    for s, g in enumerate(sequence_groups):
        ts = [t for r, h in enumerate(sequence_groups) if h == g for t in trained(r)]
        added = sum(gain(t) * abs(A[t]) for t in ts)
        if added == 0:
            continue
        for t in trained(s):
            out[t] = round_to_f32(A[t] + gain(t) * abs(A[t]) - added / len(ts))
    return out


def high_entropy() -> list[int]:
    return [
        round_to_f32(a + min(ALPHA * h, abs(a) / KAPPA)) if m else b
        for a, h, m, b in zip(A, H, loss_mask, advantages)
    ]


def weighed(shape) -> list[int]:
    out = list(advantages)
    for s in range(len(sequences)):
        ts = trained(s)
        if not ts:
            continue
        shaped = shape(ts)
        middle = mean([shaped[t] for t in ts])
        for t in ts:
            weight = max(Fraction(0), 1 + BETA * (shaped[t] / middle - 1))
            out[t] = round_to_f32(A[t] * weight)
    return out


def plain(ts: list[int]) -> dict[int, Fraction]:
    return {t: S[t] for t in ts}


def pooled(ts: list[int]) -> dict[int, Fraction]:
    execution = [S[t] for t in ts if not kinds[t]]
    pool = {t: LAMBDA * mean(execution) + (1 - LAMBDA) * S[t] for t in ts if not kinds[t]}
    return {t: Fraction(f32(round_to_f32(pool.get(t, S[t])))) for t in ts}


def boosted(ts: list[int]) -> dict[int, Fraction]:
    middle = mean([S[t] for t in ts])
    return {
        t: Fraction(f32(round_to_f32(S[t] + GAMMA * middle if kinds[t] else S[t]))) for t in ts
    }


golden = {
    "generator": f"make_credit.py, Python {platform.python_version()}, exact fractions rounded to f32",
    "gains": gains,
    "kinds": kinds,
    "advantages": advantages,
    "paper": amplified(False),
    "symmetric": amplified(True),
    "rewards": rewards,
    "groupIds": group_ids,
    "conventions": [
        {
            "baseline": {
                "center": c,
                "scale": s,
                "ddof": d,
                "epsilon": e,
                "epsilonPlace": p,
                "singleton": "reward",
            },
            "expected": baseline(c, s, d, e, p),
        }
        for c, s, d, e, p in conventions
    ],
    "offsets": offsets,
    "sequenceGroups": sequence_groups,
    "lossMask": loss_mask,
    "entropies": entropies,
    "oldLogprobs": logprobs,
    "transforms": [
        {
            "transform": {"name": "hicra", "mode": "mass-preserving", "alpha": 0.25},
            "expected": mass_preserving(),
        },
        {
            "transform": {"name": "hicra", "mode": "baseline-corrected", "alpha": 0.25},
            "expected": baseline_corrected(),
        },
        {
            "transform": {"name": "high-entropy-advantage", "alpha": 0.25, "kappa": 2},
            "expected": high_entropy(),
        },
        {
            "transform": {"name": "surprisal-weighting", "beta": 0.5},
            "expected": weighed(plain),
        },
        {
            "transform": {"name": "sepa", "lambda": 0.75, "beta": 0.5},
            "expected": weighed(pooled),
        },
        {
            "transform": {"name": "planning-boost", "gamma": 0.3, "beta": 0.5},
            "expected": weighed(boosted),
        },
    ],
}
path = Path(__file__).with_name("credit.json")
path.write_text(json.dumps(golden) + "\n")
