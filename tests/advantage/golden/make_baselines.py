"""Writes baselines.json: advantages by each convention, one plain numpy formula per preset.

Written from the formulas, not from advantage/*.ts: every preset is its own function on the rewards of
one group (or of the batch) in float64. Run: python3 make_baselines.py > baselines.json
"""

import json
import sys

import numpy as np


def singleton(value):
    """Decorates a formula that a group of one would make undefined."""

    def wrap(formula):
        return lambda r: value(r) if len(r) == 1 else formula(r)

    return wrap


def zero(r):
    return np.zeros(1)


def reward(r):
    return r


def reward_over(epsilon):
    return lambda r: (r - 0.0) / (1.0 + epsilon)


def refused(r):
    raise ValueError("group of one")


def std(r, epsilon, ddof):
    return (r - r.mean()) / (r.std(ddof=ddof) + epsilon)


def others(r):
    return [np.delete(r, i) for i in range(len(r))]


def rloo(r):
    n = len(r)
    return n / (n - 1) * (r - r.mean())


def nemo(r):
    out = []
    for i, rest in enumerate(others(r)):
        spread = rest.std(ddof=1) if len(rest) > 1 else 0.0
        centered = r[i] - rest.mean()
        out.append(centered / (spread + 1e-6) if spread > 0 else centered)
    return np.array(out)


def maxrl(epsilon):
    return lambda r: np.zeros(len(r)) if r.mean() <= 0 else (r - r.mean()) / (r.mean() + epsilon)


def centered(r):
    return r - r.mean()


GROUP = {
    "paper": centered,
    "dr-grpo": centered,
    "rloo": singleton(zero)(rloo),
    "maxrl": maxrl(0.0),
    "trl": singleton(zero)(lambda r: std(r, 1e-4, 1)),
    "trl-none": centered,
    "trl-async": lambda r: std(r, 1e-8, 0),
    "verl": singleton(reward_over(1e-6))(lambda r: std(r, 1e-6, 1)),
    "verl-dr-grpo": singleton(reward)(centered),
    "verl-rloo": singleton(reward)(rloo),
    "skyrl": singleton(reward_over(1e-6))(lambda r: std(r, 1e-6, 1)),
    "skyrl-maxrl": singleton(reward)(maxrl(1e-6)),
    "slime": singleton(zero)(lambda r: std(r, 1e-6, 1)),
    "openrlhf": singleton(refused)(lambda r: std(r, 1e-9, 1)),
    "openrlhf-rloo": singleton(refused)(rloo),
    "nemo-rl": singleton(zero)(nemo),
    "roll": singleton(refused)(lambda r: std(r, 1e-6, 1)),
    "rllm": singleton(reward_over(1e-6))(lambda r: std(r, 1e-6, 0)),
    "art": lambda r: std(r, 1e-6, 0),
    "atropos": singleton(reward)(lambda r: (r - r.mean()) / max(r.std(), 1e-8)),
    "torchforge": singleton(refused)(lambda r: std(r, 1e-4, 1)),
    "mlx-node": lambda r: std(r, 1e-4, 0),
    "prime-rl": centered,
    "tinker": centered,
    "retrain": centered,
}


def by_group(formula, rewards, groups):
    out = np.zeros(len(rewards))
    for g in np.unique(groups):
        out[groups == g] = formula(rewards[groups == g])
    return out


def trl_batch(rewards, groups):
    return by_group(centered, rewards, groups) / (rewards.std(ddof=1) + 1e-4)


def whiten_variance(a):
    return (a - a.mean()) / np.sqrt(a.var(ddof=1) + 1e-8)


def whiten_clamped(a):
    return (a - a.mean()) / np.sqrt(max(a.var(ddof=0), 1e-8))


def whiten_added(a):
    return (a - a.mean()) / (a.std(ddof=1) + 1e-5)


areal = singleton(zero)(lambda r: std(r, 1e-5, 1))

TOKENS = {
    "reinforce++": (reward, whiten_variance),
    "reinforce++-baseline": (singleton(reward)(centered), whiten_variance),
    "openrlhf-reinforce-baseline": (singleton(refused)(centered), whiten_clamped),
    "nemo-rl-reinforce++": (centered, whiten_clamped),
    "areal": (areal, whiten_added),
}


def batches():
    rng = np.random.default_rng(20250903)
    yield "binary, groups of 8", rng.integers(0, 2, 32), np.repeat(np.arange(4), 8)
    yield "real, unequal, scattered", rng.random(23) * 3, rng.permutation(
        np.repeat([5, 0, 17, 3], [2, 11, 4, 6])
    )
    yield "small, so that epsilon shows", 1e-4 * rng.random(12), np.repeat([0, 1, 2], 4)
    yield "an all-right and an all-wrong group", [1, 1, 1, 0, 0, 0, 1, 0, 0], np.repeat(
        [0, 1, 2], 3
    )
    yield "one against the rest", [1, 0, 0, 0, 0, 0, 0], np.zeros(7)
    yield "a group of one", [0.7, 1, 0, 0.25], [4, 9, 9, 9]
    yield "groups of two", [0.1, 0.1, 0.3, 0.9], [0, 0, 1, 1]


def digits(values):
    """Ten significant digits: far more than f32 holds."""
    return [float(f"{v:.10g}") for v in values]


def attempt(compute):
    """The advantages, or None where the host refuses a group of one."""
    try:
        return digits(compute())
    except ValueError:
        return None


def main():
    rng = np.random.default_rng(7)
    cases = []
    for name, rewards, groups in batches():
        # Rewards are what f32 holds; all arithmetic on them is f64.
        rewards = np.asarray(rewards, dtype=np.float32).astype(np.float64)
        groups = np.asarray(groups, dtype=np.int64)
        lengths = rng.integers(1, 6, len(rewards))
        sequence = {
            preset: attempt(lambda: by_group(formula, rewards, groups))
            for preset, formula in GROUP.items()
        }
        sequence["trl-batch"] = attempt(lambda: trl_batch(rewards, groups))
        token = {
            preset: attempt(lambda: whiten(np.repeat(by_group(formula, rewards, groups), lengths)))
            for preset, (formula, whiten) in TOKENS.items()
        }
        cases.append(
            {
                "name": name,
                "rewards": digits(rewards),
                "groupIds": groups.tolist(),
                "lengths": lengths.tolist(),
                "perSequence": sequence,
                "perToken": token,
            }
        )
    version = {"python": sys.version.split()[0], "numpy": np.__version__}
    print(json.dumps({"generator": "make_baselines.py", "versions": version, "cases": cases}))


if __name__ == "__main__":
    main()
