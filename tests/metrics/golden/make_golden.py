"""Golden values for metrics/, written from the formulas alone: sequence by sequence, in plain loops.

Run in a virtual environment with numpy and scipy: `python make_golden.py && deno fmt golden.json`.
"""

import json
import math
import pathlib
from collections import Counter, defaultdict

import numpy as np
import scipy
from scipy.stats import entropy

rng = np.random.default_rng(20250903)


def f32(values):
    return [float(v) for v in np.asarray(values, dtype=np.float32)]


def miller_madow(counts):
    return entropy(counts) + (np.count_nonzero(counts) - 1) / (2 * np.sum(counts))


def human_eval_pass_at_k(n, c, k):  # Chen et al. 2021, figure 3
    if n - c < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def entropy_cases():
    tables = [[1], [5], [1, 1], [3, 1], [0, 4, 0, 4], [7, 2, 1, 1, 1], [1] * 50, [1000, 1]]
    tables += [rng.poisson(1.5, size=size).tolist() for size in (3, 10, 249)]
    return [
        {
            "counts": counts,
            "bins": len(counts) + 3,
            "nats": float(entropy(counts)),
            "bits": float(entropy(counts, base=2)),
            "millerMadow": float(miller_madow(counts)),
            "normalizedByBins": float(entropy(counts) / np.log(len(counts) + 3)),
        }
        for counts in tables
    ]


def conditional_cases():
    tables = [[[1]], [[1, 1], [2]], [[3, 1], [1, 1, 1], [10]]]
    tables += [rng.poisson(1.2, size=(6, 9)).tolist() for _ in range(3)]
    cases = []
    for table in tables:
        joint = np.array([c for row in table for c in row])
        margin = np.array([sum(row) for row in table])
        n = joint.sum()
        # The chain rule, H(X, Y) - H(X), while the module adds up the rows.
        value = entropy(joint) - entropy(margin)
        mm = value + (np.count_nonzero(joint) - np.count_nonzero(margin)) / (2 * n)
        cases.append({"table": table, "nats": float(value), "millerMadow": float(mm)})
    return cases


def make_batch():
    lengths = [17, 0, 9, 30, 1, 12, 25, 8, 14, 3, 21, 10]
    flags = [0, 0, 1, 0, 0, 4, 0, 1, 2, 0, 0, 0]
    groups = [0, 0, 0, 0, 1, 1, 1, 1, -1, 2, 2, 2]
    rewards = [1, 0, 0, 1, 1, 1, None, 1, 1, -0.5, 0.1, 0]
    sequences = []
    for length, flag, group, reward in zip(lengths, flags, groups, rewards):
        loss = (rng.random(length) < 0.85).astype(int)
        sequence = {
            "lossMask": loss.tolist(),
            "planningMask": [0] * length,
            "tokenIds": rng.integers(0, 2, length).tolist(),
            "segmentIds": np.sort(rng.integers(0, 2, length)).tolist(),
            "oldLogprobs": f32(-rng.exponential(0.7, length) * 10.0 ** rng.integers(-6, 2, length)),
            "entropies": f32(rng.exponential(0.9, length)),
            "advantages": f32(rng.normal(size=length)),
            "reward": None if reward is None else f32([reward])[0],
            "group": group,
            "flag": flag,
            "spans": [],
        }
        start = 0
        while start < length:
            end = start + int(rng.integers(1, 3))
            run = sequence["segmentIds"][start:end]
            if end <= length and all(loss[start:end]) and len(set(run)) == 1 and rng.random() < 0.3:
                sequence["spans"].append([start, end, int(rng.integers(0, 4))])
                sequence["planningMask"][start:end] = [1] * (end - start)
                start = end
            start += 1
        adv = np.asarray(sequence["advantages"], dtype=np.float32)
        mask = np.asarray(sequence["planningMask"], dtype=np.float32)
        sequence["after"] = f32(adv + np.float32(0.2) * np.abs(adv) * mask)
        sequences.append(sequence)
    # Values that the host did not measure, on trained tokens and on others, in rows that count and do not.
    for name, places in (("oldLogprobs", [(0, 3), (3, 5), (3, 6), (5, 1)]), ("entropies", [(2, 0)])):
        for row, token in places:
            sequences[row][name][token] = None
    return sequences


def measure(sequences, correct_above, n):
    values = defaultdict(list)
    grams, followers, groups = Counter(), Counter(), defaultdict(list)
    for q in sequences:
        if q["flag"] & 6:
            continue
        reward = q["reward"]
        values["reward_missing_frac"].append(int(reward is None))
        values["truncated_frac"].append(q["flag"] & 1)
        if reward is not None:
            values["reward"].append(reward)
            values["accuracy"].append(int(reward > correct_above))
            if q["group"] >= 0:
                groups[q["group"]].append(reward)
        trained = [i for i, m in enumerate(q["lossMask"]) if m == 1]
        if not trained:
            continue
        marks = [q["planningMask"][i] for i in trained]
        values["planning_frac"] += marks
        values["planning_seq_frac"].append(int(any(marks)))
        values["length"].append(len(trained))
        if reward is not None:
            side = "correct" if reward > correct_above else "incorrect"
            values[f"planning_frac_{side}"] += marks
            values[f"length_{side}"].append(len(trained))
        for i in trained:
            name = "plan" if q["planningMask"][i] else "exec"
            before, after = q["advantages"][i], q["after"][i]
            logprob, entropy_of_next = q["oldLogprobs"][i], q["entropies"][i]
            values["surprisal_missing_frac"].append(int(logprob is None))
            values["entropy_missing_frac"].append(int(entropy_of_next is None))
            if logprob is not None:
                values[f"surprisal_{name}"].append(-logprob)
            if entropy_of_next is not None:
                values[f"entropy_{name}_old"].append(entropy_of_next)
            values[f"adv_{name}"].append(before)
            values[f"adv_abs_{name}"].append(abs(before))
            values[f"adv_{name}_after"].append(after)
            values[f"adv_abs_{name}_after"].append(abs(after))
            values["adv_shift"] += [after, -before]
            values[f"adv_shift_{name}"] += [after, -before]
        seen = [g for _, _, g in q["spans"]]
        values["spans_per_seq"].append(len(seen))
        values["distinct_grams_per_seq"].append(len(set(seen)))
        values["gram_repeat_frac"] += [int(g in seen[:j]) for j, g in enumerate(seen)]
        values["spans_per_1k"] += [1000 * len(seen)] + [0] * (len(trained) - 1)
        grams.update(seen)
        for start, end, gram in q["spans"]:
            tail = range(end, end + n)
            if end + n <= len(q["lossMask"]) and all(
                q["lossMask"][i] == 1
                and q["planningMask"][i] == 0
                and q["segmentIds"][i] == q["segmentIds"][start]
                for i in tail
            ):
                followers[f"{gram}:" + ",".join(str(q["tokenIds"][i]) for i in tail)] += 1
    pairs = {
        name: {"sum": math.fsum(x), "count": len(x) // (2 if name.startswith("adv_shift") else 1)}
        for name, x in sorted(values.items())
    }
    passes = {}
    for k in (1, 2, 3, 8):
        estimates = [
            human_eval_pass_at_k(len(r), sum(x > correct_above for x in r), k)
            for r in groups.values()
            if len(r) >= k
        ]
        passes[str(k)] = {"sum": math.fsum(estimates), "count": len(estimates)}
    margin = Counter()
    for key, count in followers.items():
        margin[key.split(":")[0]] += count
    joint = list(followers.values())
    return {
        "pairs": pairs,
        "grams": grams,
        "followers": followers,
        "zeroStd": {
            "sum": sum(np.std(r) == 0 for r in groups.values()).item(),
            "count": len(groups),
        },
        "passAtK": passes,
        "perplexityPlan": float(np.exp(np.mean(values["surprisal_plan"]))),
        "perplexityExec": float(np.exp(np.mean(values["surprisal_exec"]))),
        "phraseEntropy": float(entropy(list(grams.values()))),
        "phraseEntropyMillerMadow": float(miller_madow(list(grams.values()))),
        "followerEntropy": float(entropy(joint) - entropy(list(margin.values()))),
    }


sequences = make_batch()
golden = {
    "source": "make_golden.py",
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
    "entropy": entropy_cases(),
    "conditional": conditional_cases(),
    "passAtK": [
        {"n": n, "c": c, "k": k, "value": human_eval_pass_at_k(n, c, k)}
        for n in (1, 2, 5, 8, 200)
        for c in sorted({0, 1, n // 2, n})
        for k in sorted({1, 2, 8, n})
        if k <= n and c <= n
    ],
    "batch": {
        "sequences": sequences,
        "correctAbove": 0.25,
        "followerLength": 2,
        "expected": measure(sequences, 0.25, 2),
    },
}
path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
