"""HICRA in an Atropos environment: credit per token in the groups that it sends.

    class MyPlanningEnv(HicraEnv, MyEnv):
        hicra_baseline = "mean-std"

It fills `advantages` of every group, for trainers that read them. THE EXAMPLE TRAINER OF ATROPOS
DOES NOT: it computes its own from `scores`, and HICRA has no effect there.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any, Literal

import numpy as np
from atroposlib.envs.base import BaseEnv

from ._host import bind, check_host, installed_version, make_hook
from ._lists import cut, joined, offsets, with_all_digits
from .hook import Hook, Result, averages, refuse_transformed

TESTED = ("0.4.0",)
"""Releases of atroposlib with which the tests ran."""

_HOST = check_host(
    "atroposlib",
    installed_version("atroposlib"),
    TESTED,
    (BaseEnv.postprocess_histories, ["self", "trajectories"]),
    (BaseEnv.setup, ["self"]),
)

Baseline = Literal["mean", "mean-std"]

_SMALLEST_STD = 1e-8
"""As the example trainer bounds it."""


class HicraEnv:
    """Stands before an environment's class; `HICRA_ALPHA` and the like configure it."""

    hicra_baseline: Baseline | None = None
    """How advantages follow from scores, where the environment sends none of its own."""

    _hicra_hook: Hook | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not issubclass(cls, BaseEnv):
            raise TypeError(
                f"Cannot add HICRA as {cls.__name__} must be an environment of atroposlib: "
                "derive it from HicraEnv and from yours, in this order"
            )

    @property
    def hicra(self) -> Hook:
        """The hook; assign one of your own before `setup` has run to configure it in code."""
        if self._hicra_hook is None:
            self.hicra = make_hook(self.tokenizer)
        return self._hicra_hook

    @hicra.setter
    def hicra(self, hook: Hook) -> None:
        bound_to = f"{type(self).__name__}.postprocess_histories"
        self._hicra_hook = bind(hook, _HOST, bound_to, fields=("rewards", "group_ids"))

    async def setup(self) -> None:
        await super().setup()
        # Here, as Atropos logs what a rollout raises, drops its group and goes on.
        self.hicra  # noqa: B018

    @cached_property
    def _hicra_metrics(self) -> dict[str, tuple[float, float]]:
        return defaultdict(lambda: (0.0, 0.0))

    async def postprocess_histories(self, trajectories: Any) -> Any:
        trajectories = await super().postprocess_histories(trajectories)
        groups = trajectories if isinstance(trajectories, list) else [trajectories]
        for group in groups:
            if group is None:
                continue
            result = credit(self.hicra, group, baseline=self.hicra_baseline, step=self.curr_step)
            latency = {"hicra/latency_ms": (result.latency_ms, 1)}
            for name, (total, count) in (result.metrics | latency).items():
                before = self._hicra_metrics[name]
                self._hicra_metrics[name] = (before[0] + total, before[1] + count)
        return trajectories

    async def wandb_log(self, wandb_metrics: dict[str, Any] | None = None) -> None:
        logged = averages(self._hicra_metrics)
        self._hicra_metrics.clear()
        logged["hicra/failures"] = float(self.hicra.failures)
        await super().wandb_log((wandb_metrics or {}) | logged)


def credit(
    hook: Hook, group: dict[str, Any], *, baseline: Baseline | None = None, step: int | None = None
) -> Result:
    """Puts HICRA's advantages into a `ScoredDataGroup`, in place.

    `advantages[i][t]` credits `tokens[i][t]`; what `masks` has as -100 is not trained. A group
    without advantages, None or empty, has them computed from its scores as `baseline` says, and is
    refused without one. `step` is the trainer's, which schedules and `shuffle-mask` need.
    """
    tokens = group["tokens"]
    host = _host_advantages(group, baseline)
    for name, values in (("masks", group["masks"]), ("advantages", host)):
        _check_lengths(name, values, tokens)
    base = joined(host, float)
    lengths = [len(row) for row in tokens]
    result = hook.transform(
        offsets(lengths),
        joined(tokens),
        joined(group["masks"]) != -100,
        base,
        advantages_per="token",
        step=step,
        rewards=group["scores"],
        group_ids=np.zeros(len(tokens), int),
    )
    values = with_all_digits(result.advantages, base)
    group["advantages"] = _Credited(row.tolist() for row in cut(values, lengths))
    return result


class _Credited(list):
    """A plain list, known to have been through a hook."""

    hicra_transformed = True


def _host_advantages(group: dict[str, Any], baseline: Baseline | None) -> Any:
    given = group.get("advantages")
    refuse_transformed(given)
    if given:
        return given
    if baseline not in ("mean", "mean-std"):
        raise ValueError(
            "Cannot credit as the group must have advantages, or a baseline to compute them: "
            f'advantages are {given!r}, baseline is {baseline!r}, set hicra_baseline to "mean" or '
            '"mean-std", whichever your trainer does to scores'
        )
    scores = np.asarray(group["scores"], float)
    centered = scores - scores.mean()
    if baseline == "mean-std":
        centered /= max(scores.std(), _SMALLEST_STD)
    for index, override in enumerate(group.get("overrides") or []):
        if override.get("set_advantage_to_zero", False):
            centered[index] = 0
    return [[a] * len(row) for a, row in zip(centered, group["tokens"], strict=True)]


def _check_lengths(name: str, values: Any, tokens: Any) -> None:
    found, expected = [len(row) for row in values], [len(row) for row in tokens]
    if found != expected:
        raise ValueError(
            f"Cannot credit as {name} must have one value a token, {expected}: current lengths are "
            f"{found}"
        )
