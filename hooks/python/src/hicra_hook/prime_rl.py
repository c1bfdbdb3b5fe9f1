"""HICRA in prime-rl: credit per token in the message graphs that its orchestrator scores.

    import hicra_hook.prime_rl

    hicra_hook.prime_rl.install()  # in your environment's package: the orchestrator imports it

or `python -m hicra_hook.prime_rl @ orchestrator.toml` where you would start `orchestrator`.
HICRA_TOKENIZER and HICRA_ALPHA stand in `[orchestrator.env_vars]`. prime-rl has no configuration
that names a user's algorithm, so this wraps `Algorithm.finalize_group`, which every algorithm runs
once per group, before samples are compiled.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
from prime_rl.orchestrator.algo import ALGORITHM_CLASSES, Algorithm
from prime_rl.orchestrator.algo.base import iter_trainable_traces
from prime_rl.orchestrator.utils import train_work

from ._host import bind, check_host, installed_version, make_hook, refuse_installed
from ._lists import cut, joined, offsets, with_all_digits
from .hook import Hook, Result

TESTED = ("0.8.0",)
"""prime-rl 0.8.0 at commit 559b4477; put on the path from source it does not say which it is."""

_HOST = check_host(
    "prime-rl",
    installed_version("prime-rl"),
    TESTED,
    (Algorithm.finalize_group, ["self", "episodes"]),
)


def install(hook: Hook | None = None) -> None:
    """Credits every group that an algorithm with advantages has scored.

    Algorithms without (`opd`, `opsd`, `sft`) are left as they are, with a warning.
    """
    finalize_group = Algorithm.finalize_group
    refuse_installed(finalize_group)
    for name, algorithm in ALGORITHM_CLASSES.items():
        if algorithm.finalize_group is not finalize_group:
            raise RuntimeError(
                f"Cannot install HICRA as algorithms must inherit finalize_group: {name} has its "
                "own"
            )
    fields = ("rewards", "segment_ids")
    hook = bind(hook or make_hook(), _HOST, "Algorithm.finalize_group", fields=fields)

    @functools.wraps(finalize_group)
    async def finalize_and_credit(self: Algorithm, episodes: list[Any]) -> None:
        await finalize_group(self, episodes)
        if self.action_loss_type != "rl":
            warnings.warn(
                f"hicra: {type(self).__name__} assigns no advantages, its groups stay as they are",
                stacklevel=2,
            )
            return
        # In the event loop: a group takes the sidecar milliseconds, and order stays the host's.
        credit(hook, episodes, step=max((train_work(e).step for e in episodes), default=None))

    finalize_and_credit.hicra = True
    Algorithm.finalize_group = finalize_and_credit


def credit(hook: Hook, episodes: list[Any], *, step: int | None = None) -> Result | None:
    """Puts HICRA's advantages into a scored group, in place; None if nothing was scored.

    A node is credited once, however many branches share it, and a phrase never crosses nodes. A
    node whose advantages are None was never scored and stays so, which is not the same as a zero.
    Every trace gets `hicra/trace_planning_frac` and `hicra/failures` among its metrics.
    """
    scored = []
    for _, trace in iter_trainable_traces(episodes):
        if "hicra" in trace.info:
            raise ValueError(
                f"Cannot credit as trace {trace.id} must have the host's advantages: it went "
                "through a hook already, a second application would compound"
            )
        nodes = [node for node in trace.nodes if node.advantages is not None]
        if nodes:
            scored.append((trace, nodes))
    if not scored:
        return None

    lengths = [sum(len(node.token_ids) for node in nodes) for _, nodes in scored]
    nodes = [node for _, of_trace in scored for node in of_trace]
    mask = joined((node.mask for node in nodes), bool)
    base = np.zeros(len(mask))
    base[mask] = joined((_checked(node, "advantages") for node in nodes), float)
    old_logprobs = None
    if all(node.logprobs for node in nodes if any(node.mask)):
        old_logprobs = np.zeros(len(mask))
        old_logprobs[mask] = joined((_checked(node, "logprobs") for node in nodes), float)
    sizes = [len(node.token_ids) for node in nodes]
    result = hook.transform(
        offsets(lengths),
        joined((node.token_ids for node in nodes), int),
        mask,
        base,
        advantages_per="token",
        step=step,
        segment_ids=np.repeat(np.arange(len(nodes)), sizes),
        old_logprobs=old_logprobs,
        rewards=[trace.reward for trace, _ in scored],
    )
    _warn_of_zeros(base[mask], result.advantages[mask])

    values = with_all_digits(result.advantages, base)
    for node, credited, trained in zip(nodes, cut(values, sizes), cut(mask, sizes), strict=True):
        node.advantages = credited[trained].tolist()
    of_traces = zip(scored, cut(result.planning_mask, lengths), cut(mask, lengths), strict=True)
    for (trace, _), planning, trained in of_traces:
        frac = float(planning.sum() / max(trained.sum(), 1))
        trace.info["hicra"] = {"planning_frac": frac}
        # prime-rl takes the mean over traces, which is not the share of planning in all tokens.
        trace.metrics["hicra/trace_planning_frac"] = frac
        trace.metrics["hicra/failures"] = float(result.failures)
    return result


def _warn_of_zeros(before: np.ndarray, after: np.ndarray) -> None:
    zeroed = int(((before != 0) & (after == 0)).sum())
    if zeroed > 0:
        warnings.warn(
            f"hicra: {zeroed} tokens of a group have advantage 0 now, and prime-rl drops such "
            "tokens from loss and denominator: choose an alpha below 1, or set "
            "orchestrator.train.filter_zero_advantages = false",
            RuntimeWarning,
            stacklevel=3,
        )


def _checked(node: Any, name: str) -> list[float]:
    values = getattr(node, name)
    if len(node.mask) != len(node.token_ids) or len(values) != sum(node.mask):
        raise ValueError(
            f"Cannot credit as {name} of a node must have one value a sampled token, "
            f"{sum(node.mask)} of {len(node.token_ids)}: current length is {len(values)}, of the "
            f"mask {len(node.mask)}"
        )
    return values


if __name__ == "__main__":
    from prime_rl.entrypoints.orchestrator import main

    install()
    main()
