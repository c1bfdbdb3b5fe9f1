"""verl's v1 trainers with HICRA: the trainer modes `hicra_sync`, `hicra_colocate_async` and
`hicra_separate_async`.

A mode does what verl's mode of that name does. When verl has computed advantages, whitened where the
estimator whitens, and stored them in TransferQueue, they are read with the response tokens that they
credit, transformed, and stored in their place. Calling `_compute_advantage` again starts from
rewards, as in verl, so nothing compounds.
"""

from __future__ import annotations

from typing import Any

import torch
import transfer_queue as tq
import verl
from omegaconf import DictConfig
from tensordict import TensorDict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1 import (
    PPOTrainer,
    PPOTrainerColocateAsync,
    PPOTrainerSeparateAsync,
    PPOTrainerSync,
    register_trainer,
)

from ._host import check_host
from ._verl import FIELDS, TESTED, create_hook, refuse
from .hook import PADDING_ROW, TRUNCATED, Hook, group_ids

_FIELDS = [
    "uid",
    "responses",
    "response_mask",
    "advantages",
    "rm_scores",
    "old_log_probs",
    "entropy",
]

check_host(
    "verl",
    verl.__version__,
    TESTED,
    (PPOTrainer._compute_advantage, ["self", "batch", "metrics"]),
    (PPOTrainer._init_tokenizer, ["self"]),
)


class _Hicra(PPOTrainer):
    host_mode: str

    def __init__(self, config: DictConfig) -> None:
        refuse(config)
        # verl compares the mode with its own names: a sync run would be taken for an async one.
        config.trainer.v1.trainer_mode = self.host_mode
        super().__init__(config)

    def _init_tokenizer(self) -> None:
        super()._init_tokenizer()
        bound_to = f"PPOTrainer._compute_advantage, trainer mode hicra_{self.host_mode}"
        # In bypass mode verl computes no old log-probabilities, and so no entropies.
        bypass = (self.config.algorithm.get("rollout_correction") or {}).get("bypass_mode", False)
        self.hook = create_hook(
            self.config,
            self.processor or self.tokenizer,
            bound_to,
            fields=[*FIELDS, *([] if bypass else ["entropies"])],
        )

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        batch = super()._compute_advantage(batch, metrics)
        # TransferQueue leaves out what was not stored: entropy in bypass mode.
        stored = tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=_FIELDS
        )
        # As in verl's response_length/clip_ratio, what fills its room counts as truncated.
        room = self.config.actor_rollout_ref.rollout.response_length
        flags = [
            PADDING_ROW * tag.get("is_padding", False) | TRUNCATED * (tag["response_len"] >= room)
            for tag in batch.tags
        ]
        advantages, values = _transform_stored(self.hook, stored, flags, step=self.global_steps)
        metrics.update(values)
        return tq.kv_batch_put(
            keys=batch.keys,
            partition_id=batch.partition_id,
            fields=TensorDict({"advantages": advantages}, batch_size=len(batch)),
        )


def _transform_stored(
    hook: Hook, stored: TensorDict, flags: list[int], *, step: int
) -> tuple[torch.Tensor, dict[str, float]]:
    """Jagged fields of a stored batch to jagged advantages of the same offsets, and metrics."""
    offsets = stored["advantages"].offsets()
    per_token = {name: stored[name] for name in _FIELDS[1:] if name in stored}
    for name, tensor in per_token.items():
        if not torch.equal(tensor.offsets(), offsets):
            raise ValueError(
                f"Cannot apply HICRA as {name} must be as long as advantages, row by row, "
                f"{offsets.diff().tolist()}: current lengths are {tensor.offsets().diff().tolist()}"
            )
    flat = {name: tensor.values() for name, tensor in per_token.items()}
    result = hook.transform(
        offsets,
        flat["responses"],
        flat["response_mask"],
        flat["advantages"],
        advantages_per="token",
        step=step,
        rewards=stored["rm_scores"].to_padded_tensor(0.0).sum(-1),
        group_ids=group_ids(list(stored["uid"])),
        flags=flags,
        old_logprobs=flat["old_log_probs"],
        entropies=flat.get("entropy"),
    )
    return torch.nested.nested_tensor_from_jagged(result.advantages, offsets), result.values()


@register_trainer("hicra_sync")
class HicraSync(_Hicra, PPOTrainerSync):
    """`PPOTrainerSync` with HICRA."""

    host_mode = "sync"


@register_trainer("hicra_colocate_async")
class HicraColocateAsync(_Hicra, PPOTrainerColocateAsync):
    """`PPOTrainerColocateAsync` with HICRA."""

    host_mode = "colocate_async"


@register_trainer("hicra_separate_async")
class HicraSeparateAsync(_Hicra, PPOTrainerSeparateAsync):
    """`PPOTrainerSeparateAsync` with HICRA."""

    host_mode = "separate_async"
