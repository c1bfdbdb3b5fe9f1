"""HICRA in NeMo-RL: one line between `setup` and the training loop of `examples/run_grpo.py`.

    from hicra_hook.nemo_rl import attach

    attach(policy, tokenizer, first_step=grpo_state.total_steps, alpha=0.2)

It acts on what the policy is given to train on. The advantage estimators see no token ids, and
after them NeMo-RL replaces the advantages of flagged messages and clips.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from nemo_rl.models.policy.lm_policy import Policy
from nemo_rl.package_info import __shortversion__

from ._host import bind, check_host, make_hook, model_vocab_size, refuse_ratio
from .hook import Hook

TESTED = ("0.6.0",)
"""Releases of NeMo-RL with which the tests ran."""

_TRAIN = {"train": ["data", "loss_fn"]}
_DATA_PLANE = {
    "write_to_dataplane": ["meta", "fields"],
    "read_from_dataplane": ["meta", "select_fields"],
    "train_from_meta": ["meta", "loss_fn"],
}
_COLUMNS = ["input_ids", "token_mask", "generation_logprobs"]


def attach(policy: Policy, tokenizer: Any, *, first_step: int, **options: Any) -> Hook:
    """Binds a hook to the policy: `options` are those of `Hook`, and win over the environment's.

    `first_step` is where the loop starts, `grpo_state.total_steps` (`current_step` in `async_grpo_train`),
    as the policy is told no step: a run that goes on from a checkpoint does not start at 0.

    For the loops `grpo_train` and `async_grpo_train`, and `grpo_train_sync` with a `TQPolicy`.
    """
    if hasattr(policy, "hicra"):
        raise ValueError(
            "Cannot attach HICRA as the policy must have no hook yet: it has one, attach once"
        )
    over_data_plane = hasattr(policy, "write_to_dataplane")
    functions = _TRAIN | (_DATA_PLANE if over_data_plane else {})
    bound = [(getattr(policy, name), takes) for name, takes in functions.items()]
    host = check_host("nemo-rl", __shortversion__, TESTED, *bound)
    vocab_size = model_vocab_size(policy.cfg["model_name"])
    hook = make_hook(tokenizer, vocab_size=vocab_size, options=options)
    bound_to = ", ".join(f"{type(policy).__name__}.{name}" for name in functions)
    bind(hook, host, bound_to, fields=("old_logprobs",))
    policy.hicra = hook
    steps = itertools.count(first_step)
    _attach_to_train(policy, hook, steps)
    if over_data_plane:
        _attach_to_data_plane(policy, hook, steps)
    return hook


def _attach_to_train(policy: Any, hook: Hook, steps: Any) -> None:
    train = policy.train

    @functools.wraps(train)
    def credited_train(data: Any, loss_fn: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        _check_loss(loss_fn)
        result = _transform(hook, data, data["advantages"], data["sample_mask"], next(steps))
        # A batch of its own: the loop logs its own advantages after this.
        credited = type(data)({**data, "advantages": result.advantages})
        results = train(credited, loss_fn, *args, **kwargs)
        results["all_mb_metrics"] |= _logged(result)
        return results

    policy.train = credited_train


def _attach_to_data_plane(policy: Any, hook: Hook, steps: Any) -> None:
    write, train = policy.write_to_dataplane, policy.train_from_meta
    metrics: dict[str, list[float]] = {}

    @functools.wraps(write)
    def credited_write(meta: Any, fields: dict[str, Any]) -> None:
        if "advantages" in fields:
            columns = policy.read_from_dataplane(meta, select_fields=_COLUMNS)
            advantages, sample_mask = fields["advantages"], fields["sample_mask"]
            result = _transform(hook, columns, advantages, sample_mask, next(steps))
            metrics.update(_logged(result))
            fields = fields | {"advantages": result.advantages}
        write(meta, fields)

    @functools.wraps(train)
    def credited_train(meta: Any, loss_fn: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        _check_loss(loss_fn)
        if not metrics:
            raise ValueError(
                "Cannot train as advantages must have been written through this policy: none were "
                "since the last step"
            )
        results = train(meta, loss_fn, *args, **kwargs)
        results["all_mb_metrics"] |= metrics
        metrics.clear()
        return results

    policy.write_to_dataplane, policy.train_from_meta = credited_write, credited_train


def _transform(hook: Hook, columns: Any, advantages: Any, sample_mask: Any, step: int) -> Any:
    return hook.transform_padded(
        columns["input_ids"],
        columns["token_mask"] * sample_mask.unsqueeze(-1),
        advantages,
        step=step,
        old_logprobs=columns["generation_logprobs"],
    )


def _logged(result: Any) -> dict[str, list[float]]:
    # NeMo-RL adds up what is a list, and skips numbers.
    return {name: [value] for name, value in result.values().items()}


def _check_loss(loss_fn: Any) -> None:
    """Refuses the loss in which a token's advantage does not weigh that token."""
    if getattr(loss_fn, "sequence_level_importance_ratios", False):
        refuse_ratio("sequence_level_importance_ratios", True, use=False)
