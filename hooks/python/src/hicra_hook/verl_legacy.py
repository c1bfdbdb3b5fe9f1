"""HICRA in verl's legacy trainer: `VERL_USE_EXTERNAL_MODULES=hicra_hook.verl_legacy`, `trainer.use_v1=false`.

Importing this module makes `HicraRayPPOTrainer` the trainer that `verl.trainer.main_ppo` runs.
"""

from __future__ import annotations

from typing import Any

from verl import DataProto
from verl.trainer import main_ppo_v0
from verl.trainer.ppo.ray_trainer import RayPPOTrainer

from ._verl import check_host, create_hook, refuse, refuse_entropy_bonus
from .hook import group_ids

check_host(RayPPOTrainer._update_actor, ["batch"])


class HicraRayPPOTrainer(RayPPOTrainer):
    """`RayPPOTrainer` with HICRA.

    It acts on the way into the actor's update, the first place after `compute_advantage` that can be
    overridden: the batch is the same, and what the update returns is logged.
    """

    def __init__(self, config: Any, tokenizer: Any, *args: Any, **kwargs: Any) -> None:
        refuse(config)
        super().__init__(config, tokenizer, *args, **kwargs)
        self.hook = create_hook(config, tokenizer, "RayPPOTrainer._update_actor")

    def _update_actor(self, batch: DataProto) -> DataProto:
        tensors = batch.batch
        result = self.hook.transform_padded(
            tensors["responses"],
            tensors["response_mask"],
            tensors["advantages"],
            step=self.global_steps,
            rewards=tensors["token_level_scores"].sum(-1),
            group_ids=group_ids(batch.non_tensor_batch["uid"]),
            old_logprobs=tensors["old_log_probs"],
        )
        refuse_entropy_bonus(result)
        tensors["advantages"] = result.advantages
        output = super()._update_actor(batch)
        output.meta_info["metrics"].update(result.values())
        return output


# The task runner looks the name up when it runs. Ray sends the runner with what its functions name, so this
# holds on another node too, where the environment variable may be missing.
main_ppo_v0.RayPPOTrainer = HicraRayPPOTrainer
