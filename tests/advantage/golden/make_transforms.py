"""Writes transforms.json: token advantages of HICRA and every control, in plain numpy.

Written from the formulas (paper.md sections 1.2, 6, 8 and the papers named in the docs), not from
advantage/*.ts: lists of arrays, one per sequence, float64 throughout, rounded to float32 at the end.
Inputs are float32 values. Run:
python3 make_transforms.py > transforms.json && deno fmt transforms.json
"""

import json
import sys

import numpy as np

f32 = np.float32


def make_case(name, rng, lengths, groups, zero_group=None, holes=0.0, planning=0.25):
    """A batch as lists of per-sequence arrays; `holes` is the rate of untrained tokens."""
    n = len(lengths)
    reward = rng.integers(0, 2, n).astype(float)
    adv = []
    for s in range(n):
        same = reward[np.array(groups) == groups[s]]
        a = 1.0 if len(same) == 1 else (reward[s] - same.mean()) / (same.std() + 1e-6)
        a = 0.0 if groups[s] == zero_group else a
        adv.append(np.full(lengths[s], f32(a)).astype(np.float64))
    loss = [(rng.random(l) >= holes).astype(int) for l in lengths]
    mask = [(rng.random(l) < planning).astype(int) * m for l, m in zip(lengths, loss)]
    kinds = [rng.integers(1, 5, l) * m for l, m in zip(lengths, mask)]
    entropy = [f32(rng.gamma(0.5, 1.0, l)).astype(np.float64) for l in lengths]
    logprob = [-f32(rng.gamma(0.5, 1.0, l)).astype(np.float64) for l in lengths]
    return dict(name=name, groups=list(groups), adv=adv, loss=loss, mask=mask, kinds=kinds,
                entropy=entropy, logprob=logprob)


def over_trained(case, f):
    """Applies `f(s, selection)` to the trained tokens of each sequence; the others keep their value."""
    out = []
    for s, a in enumerate(case["adv"]):
        sel = case["loss"][s] == 1
        b = a.copy()
        if sel.any():
            b[sel] = f(s, sel)
        out.append(b)
    return out


def paper(case, alpha):
    def f(s, sel):
        a, m = case["adv"][s][sel], case["mask"][s][sel]
        return a + alpha * np.abs(a) * m
    return over_trained(case, f)


def per_kind(case, alphas):
    def f(s, sel):
        a = case["adv"][s][sel]
        return a + np.array([0.0, *alphas])[case["kinds"][s][sel]] * np.abs(a)
    return over_trained(case, f)


def symmetric(case, alpha):
    return over_trained(
        case, lambda s, sel: case["adv"][s][sel] * (1 + alpha * case["mask"][s][sel]))


def positive_only(case, alpha):
    def f(s, sel):
        a, m = case["adv"][s][sel], case["mask"][s][sel]
        return np.where((a > 0) & (m == 1), a * (1 + alpha), a)
    return over_trained(case, f)


def mass_preserving(case, alpha):
    amplified = paper(case, alpha)

    def f(s, sel):
        a, b = case["adv"][s][sel], amplified[s][sel]
        mass = np.abs(b).sum()
        return b if mass == 0 else b * (np.abs(a).sum() / mass)
    return over_trained(case, f)


def baseline_corrected(case, alpha):
    groups = np.array(case["groups"])

    def f(s, sel):
        added = [alpha * np.abs(case["adv"][j]) * case["mask"][j]
                 for j in np.flatnonzero(groups == groups[s])]
        keep = [case["loss"][j] == 1 for j in np.flatnonzero(groups == groups[s])]
        mean = np.concatenate([c[k] for c, k in zip(added, keep)]).mean()
        own = alpha * np.abs(case["adv"][s]) * case["mask"][s]
        return case["adv"][s][sel] + own[sel] - mean
    return over_trained(case, f)


def high_entropy(case, alpha, kappa):
    def f(s, sel):
        a = case["adv"][s][sel]
        return a + np.minimum(alpha * case["entropy"][s][sel], np.abs(a) / kappa)
    return over_trained(case, f)


def top_entropy(case, rho):
    every = np.concatenate([e[l == 1] for e, l in zip(case["entropy"], case["loss"])])
    tau = np.sort(every)[::-1][max(1, int(rho * len(every))) - 1]
    return over_trained(
        case, lambda s, sel: np.where(case["entropy"][s][sel] >= tau, case["adv"][s][sel], 0.0))


def gtpo(case, beta):
    def f(s, sel):
        a, h = case["adv"][s][sel], case["entropy"][s][sel]
        w = np.ones(len(a))
        for t in range(len(a)):
            if a[t] == 0:
                continue
            shares = []
            for j, group in enumerate(case["groups"]):
                keep = case["loss"][j] == 1
                other_a, other_h = case["adv"][j][keep], case["entropy"][j][keep]
                if group != case["groups"][s] or t >= len(other_a):
                    continue
                if np.sign(other_a[t]) == np.sign(a[t]):
                    h_t = max(other_h[t], 1e-6)
                    shares.append(h_t if a[t] > 0 else 1 / h_t)
            own = max(h[t], 1e-6)
            own = own if a[t] > 0 else 1 / own
            w[t] = (1 - beta) + beta * len(shares) * own / np.sum(shares)
        return a * w
    return over_trained(case, f)


def surprisal_weight(a, s, beta):
    return a * np.maximum(0, 1 + beta * (s / s.mean() - 1))


def surprisal_weighting(case, beta):
    return over_trained(
        case,
        lambda s, sel: surprisal_weight(case["adv"][s][sel], -case["logprob"][s][sel], beta))


def sepa(case, lam, beta):
    def f(s, sel):
        surprisal, m = -case["logprob"][s][sel], case["mask"][s][sel]
        pooled = surprisal.copy()
        if (m == 0).any():
            pooled[m == 0] = lam * surprisal[m == 0].mean() + (1 - lam) * surprisal[m == 0]
        return surprisal_weight(case["adv"][s][sel], pooled, beta)
    return over_trained(case, f)


def planning_boost(case, gamma, beta):
    def f(s, sel):
        surprisal, m = -case["logprob"][s][sel], case["mask"][s][sel]
        return surprisal_weight(
            case["adv"][s][sel], surprisal + gamma * m * surprisal.mean(), beta)
    return over_trained(case, f)


def main():
    rng = np.random.default_rng(2509_03646)
    cases = [
        make_case("one token", rng, [1], [0], planning=1.0),
        make_case("two groups of four", rng, [6, 4, 11, 5, 8, 13, 3, 6], [0] * 4 + [1] * 4),
        make_case("holes, an empty row, a group without signal, mixed order", rng,
                  [11, 0, 7, 18, 5, 9, 1, 12], [5, 5, 9, 5, 9, 2, 2, 9],
                  zero_group=2, holes=0.3, planning=0.2),
    ]
    out = []
    for case in cases:
        results = [
            (dict(name="hicra"), paper(case, 0.2)),
            (dict(name="hicra", alpha=0.7), paper(case, 0.7)),
            (dict(name="hicra", alpha=dict(deduction=0.1, branching=0.5, backtracking=0.9, other=0)),
             per_kind(case, [0.1, 0.5, 0.9, 0.0])),
            (dict(name="hicra", mode="symmetric"), symmetric(case, 0.2)),
            (dict(name="hicra", mode="positive-only"), positive_only(case, 0.2)),
            (dict(name="hicra", mode="mass-preserving"), mass_preserving(case, 0.2)),
            (dict(name="hicra", mode="baseline-corrected"), baseline_corrected(case, 0.2)),
            (dict(name="high-entropy-advantage"), high_entropy(case, 0.4, 2)),
            (dict(name="top-entropy-filter"), top_entropy(case, 0.2)),
            (dict(name="gtpo"), gtpo(case, 0.1)),
            (dict(name="gtpo", beta=1), gtpo(case, 1.0)),
            (dict(name="surprisal-weighting"), surprisal_weighting(case, 0.1)),
            (dict(name="surprisal-weighting", beta=3), surprisal_weighting(case, 3)),
            (dict(name="sepa"), sepa(case, 1, 0.1)),
            (dict(name="sepa", **{"lambda": 0.25}, beta=0.5), sepa(case, 0.25, 0.5)),
            (dict(name="planning-boost"), planning_boost(case, 0.3, 0.1)),
        ]
        lists = lambda key: [v.tolist() for v in case[key]]
        out.append(dict(
            name=case["name"], groupIds=case["groups"], advantages=lists("adv"),
            lossMask=lists("loss"), planningMask=lists("mask"), kinds=lists("kinds"),
            entropies=lists("entropy"), oldLogprobs=lists("logprob"),
            expected=[dict(config=c, advantages=[float(x) for v in r for x in f32(v)])
                      for c, r in results]))
    json.dump(dict(numpy=np.__version__, python=sys.version.split()[0], cases=out), sys.stdout,
              separators=(",", ":"))
    sys.stdout.write("\n")


main()
