"""HICRA in the Tinker cookbook, and in loops of one's own that send `tinker.Datum`s.

    from hicra_hook.tinker import install

    install()  # HICRA_ALPHA and the like from the environment; then the recipe's own main

`install` acts after `prepare_minibatch`, where the cookbook's advantages and KL penalty are final.
A loop of one's own calls `credit(hook, data)` on its datums, before it drops their `mask`.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import tinker

from ._host import bind, check_host, installed_version, make_hook, refuse_installed
from ._lists import cut, joined, offsets
from .hook import Hook, Result, refuse_transformed

TESTED = ("0.6.1",)
"""Releases of the cookbook with which the tests ran."""

_TOKEN_LEVEL = ("importance_sampling", "ppo", "cispo", "dro")
_STEPS = (
    "do_train_step_and_get_sampling_client",
    "do_train_step_streaming_and_get_sampling_client",
)
_step: ContextVar[int] = ContextVar("hicra_step")


def credit(hook: Hook, data: Sequence[tinker.Datum], *, step: int | None = None) -> Result:
    """Puts HICRA's advantages into datums, in place; `mask` must still be among their inputs.

    `step` is the loop's, which schedules and `shuffle-mask` need.
    `advantages[k]` credits `target_tokens[k]`, so both go to the sidecar as they are.
    """
    inputs = [datum.loss_fn_inputs for datum in data]
    for index, tensors in enumerate(inputs):
        _check_datum(index, tensors)
    lengths = [len(tensors["target_tokens"].to_numpy()) for tensors in inputs]
    result = hook.transform(
        offsets(lengths),
        _joined(inputs, "target_tokens"),
        _joined(inputs, "mask"),
        _joined(inputs, "advantages"),
        advantages_per="token",
        step=step,
        old_logprobs=_joined(inputs, "logprobs"),
    )
    for tensors, advantages in zip(inputs, cut(result.advantages, lengths), strict=True):
        credited = tinker.TensorData.from_numpy(advantages.copy())
        object.__setattr__(credited, "hicra_transformed", True)
        tensors["advantages"] = credited
    return result


def install(hook: Hook | None = None) -> None:
    """Credits every minibatch of `tinker_cookbook.rl.train`, in sync, async and streaming runs.

    Without a hook one is made from the environment and the run's own tokenizer, at the first
    minibatch.
    """
    from tinker_cookbook.rl import train

    prepare_minibatch = train.prepare_minibatch
    refuse_installed(prepare_minibatch)
    host = check_host(
        "tinker-cookbook",
        installed_version("tinker-cookbook"),
        TESTED,
        (prepare_minibatch, ["env_group_builders_P", "trajectory_groups_P", "tokenizer"]),
        *((getattr(train, name), ["config", "i_batch"]) for name in _STEPS),
    )

    def bound(hook: Hook) -> Hook:
        return bind(hook, host, "rl.train.prepare_minibatch", fields=("old_logprobs",))

    state = {"hook": hook and bound(hook)}

    @functools.wraps(prepare_minibatch)
    async def prepare_and_credit(*args: Any, **kwargs: Any) -> Any:
        data, metrics, usage = await prepare_minibatch(*args, **kwargs)
        if state["hook"] is None:
            given = inspect.signature(prepare_minibatch).bind(*args, **kwargs).arguments
            state["hook"] = bound(make_hook(given["tokenizer"]))
        result = credit(state["hook"], data, step=_step.get(None))
        return data, metrics | result.values(), usage

    prepare_and_credit.hicra = True
    for name in _STEPS:
        setattr(train, name, _in_step(getattr(train, name)))
    train.prepare_minibatch = prepare_and_credit


def _in_step(function: Any) -> Any:
    """Notes the step for what is called inside, and refuses losses that ignore token credit."""

    @functools.wraps(function)
    async def noted(config: Any, i_batch: int, *args: Any, **kwargs: Any) -> Any:
        _check_loss(config.training_loss_fn())
        token = _step.set(i_batch)
        try:
            return await function(config, i_batch, *args, **kwargs)
        finally:
            _step.reset(token)

    return noted


def _check_loss(loss: str) -> None:
    if loss == "stable_reinforce":
        warnings.warn(
            "hicra: the formula of stable_reinforce is the service's, and whether credit per token "
            "survives in it was not verified",
            stacklevel=3,
        )
    elif loss not in _TOKEN_LEVEL:
        raise ValueError(
            f"Cannot apply HICRA as loss_fn must be one of {', '.join(_TOKEN_LEVEL)}, "
            f'stable_reinforce: current value is "{loss}", where credit per token '
            "is averaged out or not read"
        )


def _check_datum(index: int, tensors: dict[str, Any]) -> None:
    missing = [n for n in ("target_tokens", "mask", "advantages", "logprobs") if n not in tensors]
    if missing:
        raise ValueError(
            f"Cannot credit as datum {index} must have target_tokens, mask, advantages and "
            "logprobs: "
            f"{', '.join(missing)} missing; credit it before its mask is dropped"
        )
    refuse_transformed(tensors["advantages"])
    shape = tensors["target_tokens"].to_numpy().shape
    for name in ("target_tokens", "mask", "advantages", "logprobs"):
        found = tensors[name].to_numpy().shape
        if len(shape) != 1 or found != shape:
            raise ValueError(
                f"Cannot credit as {name} of datum {index} must have one value a target token, "
                f"{list(shape[:1])}: current shape is {list(found)}"
            )


def _joined(inputs: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    return joined(tensors[name].to_numpy() for tensors in inputs)
