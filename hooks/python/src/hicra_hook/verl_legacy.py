"""HICRA in verl's legacy trainer, for those who run `trainer.use_v1=false`.

`VERL_USE_EXTERNAL_MODULES=hicra_hook.verl_legacy` makes verl import this module. Importing it makes
`HicraRayPPOTrainer` the trainer that `verl.trainer.main_ppo` runs.
"""

from __future__ import annotations

from typing import Any

import verl
from verl import DataProto
from verl.trainer import main_ppo_v0
from verl.trainer.ppo.ray_trainer import RayPPOTrainer

from ._host import check_host
from ._verl import FIELDS, TESTED, create_hook, refuse
from .hook import TRUNCATED, group_ids

check_host("verl", verl.__version__, TESTED, (RayPPOTrainer._update_actor, ["self", "batch"]))


class HicraRayPPOTrainer(RayPPOTrainer):
    """`RayPPOTrainer` with HICRA.

    It acts on the way into the actor's update, the first place after `compute_advantage` that can be
    overridden: the batch is the same, and what the update returns is logged.
    """

    def __init__(self, config: Any, tokenizer: Any, *args: Any, **kwargs: Any) -> None:
        refuse(config)
        super().__init__(config, tokenizer, *args, **kwargs)
        self.hook = create_hook(config, tokenizer, "RayPPOTrainer._update_actor", fields=FIELDS)

    def _update_actor(self, batch: DataProto) -> DataProto:
        tensors = batch.batch
        room = tensors["responses"].shape[1]
        lengths = tensors["attention_mask"][:, -room:].sum(-1)
        result = self.hook.transform_padded(
            tensors["responses"],
            tensors["response_mask"],
            tensors["advantages"],
            step=self.global_steps,
            rewards=tensors["token_level_scores"].sum(-1),
            group_ids=group_ids(batch.non_tensor_batch["uid"]),
            # As in verl's response_length/clip_ratio, what fills its room counts as truncated.
            flags=TRUNCATED * (lengths >= room),
            old_logprobs=tensors["old_log_probs"],
        )
        tensors["advantages"] = result.advantages
        output = super()._update_actor(batch)
        output.meta_info["metrics"].update(result.values())
        return output


# The task runner looks the name up when it runs. Ray sends the runner with what its functions name,
# so this holds on another node too, where the environment variable may be missing.
main_ppo_v0.RayPPOTrainer = HicraRayPPOTrainer
