"""HICRA in slime: one function, called on every rank when advantages are final, before training.

    --rollout-data-postprocess-path hicra_hook.slime.postprocess

Options are in the environment (`Hook.from_env`), which `--train-env-vars` hands to the ranks.
"""

from __future__ import annotations

from typing import Any

import torch
from megatron.core import mpu
from slime.backends.megatron_utils.cp_utils import all_gather_with_cp, slice_log_prob_with_cp

from ._host import bind, check_host, installed_version, make_hook, over_ranks, refuse_ratio
from .hook import Hook, Result

TESTED = ("0.3.1",)
"""Releases of slime with which the tests ran."""

_BOUND = (
    (all_gather_with_cp, ["tensor", "total_length", "response_length"]),
    (slice_log_prob_with_cp, ["log_prob", "total_length", "response_length"]),
)
_FIELDS = {"old_logprobs": "log_probs", "rewards": "local_raw_reward"}
_hooks: dict[str, Hook] = {}


@torch.no_grad()
def postprocess(args: Any, rollout_id: int, rollout_data: dict[str, Any]) -> None:
    """Transforms the advantages of this rank's samples, in `rollout_data`.

    With context parallelism a rank holds slices of responses, and a phrase may cross their
    borders. So every rank makes the responses whole, comes to what the others come to, and keeps
    its slice.
    """
    if not mpu.is_pipeline_last_stage():
        return
    _check(args, rollout_data)
    hook = _hook(args, rollout_data)
    totals, lengths = rollout_data["total_lengths"], rollout_data["response_lengths"]

    def whole(name: str) -> torch.Tensor | None:
        if name not in rollout_data:
            return None
        slices = zip(rollout_data[name], totals, lengths, strict=True)
        return torch.cat([all_gather_with_cp(*each) for each in slices])

    tokens = zip(rollout_data["tokens"], lengths, strict=True)
    result = hook.transform(
        torch.tensor([0, *lengths]).cumsum(0),
        torch.cat([ids[len(ids) - length :] for ids, length in tokens]),
        torch.cat(rollout_data["loss_masks"]),
        whole("advantages"),
        advantages_per="token",
        step=rollout_id,
        old_logprobs=whole(_FIELDS["old_logprobs"]),
        rewards=rollout_data.get(_FIELDS["rewards"]),
    )
    rows = zip(result.advantages.split(lengths), totals, lengths, strict=True)
    rollout_data["advantages"] = [slice_log_prob_with_cp(*row) for row in rows]
    rollout_data |= _logged(result, len(lengths))


def _logged(result: Result, samples: int) -> dict[str, list[float]]:
    """The metrics of all ranks together, in the form that slime averages: a value a sample."""
    of_all = over_ranks(result, mpu.get_data_parallel_group(with_context_parallel=True))
    return {name: [value] * samples for name, value in of_all.values().items()}


def _check(args: Any, rollout_data: dict[str, Any]) -> None:
    if args.advantage_estimator == "gspo":
        refuse_ratio("advantage_estimator", "gspo", use="grpo")
    if "advantages" not in rollout_data:
        raise ValueError(
            "Cannot apply HICRA as rollout_data must hold advantages: it holds none, drop "
            "--disable-compute-advantages-and-returns"
        )
    if "hicra/latency_ms" in rollout_data:
        raise ValueError(
            "Cannot apply HICRA as the advantages must be slime's own: this rollout was "
            "transformed before, and a second application would compound"
        )
    masks = zip(rollout_data["loss_masks"], rollout_data["response_lengths"], strict=True)
    for sample, (mask, length) in enumerate(masks):
        if len(mask) != length:
            raise ValueError(
                f"Cannot apply HICRA as loss_masks[{sample}] must cover its response of {length} "
                f"tokens: it covers {len(mask)}"
            )


def _hook(args: Any, rollout_data: dict[str, Any]) -> Hook:
    checkpoint = args.hf_checkpoint
    if checkpoint not in _hooks:
        _hooks[checkpoint] = bind(
            make_hook(checkpoint, vocab_size=args.vocab_size),
            check_host("slime", installed_version("slime"), TESTED, *_BOUND),
            "rollout_data_postprocess",
            # Whether slime computes log-probabilities before training hangs on a dozen arguments.
            fields=[ours for ours, theirs in _FIELDS.items() if theirs in rollout_data],
            ranks_act_alone=True,
        )
    return _hooks[checkpoint]
