"""HICRA in SkyRL: the trainer with credit per token.

    python -m skyrl.train.entrypoints.main_base trainer.override_entrypoint=hicra_hook.skyrl ...

reads its options from the environment (`Hook.from_env`); `with_hicra` gives HICRA to any trainer.

It acts after `_normalize_advantages`, the last that SkyRL's driver does to advantages: whitening
(`advantage_batch_normalize`) stands in there, and the loss reduction, which only scales.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import ray
import torch
from skyrl.train.config import SkyRLTrainConfig
from skyrl.train.entrypoints.main_base import BasePPOExp
from skyrl.train.trainer import LOSSES_WITHOUT_OLD_LOGPROBS, RayPPOTrainer
from skyrl.train.utils import validate_cfg
from skyrl.train.utils.utils import initialize_ray

from ._host import (
    bind,
    check_host,
    hook_environment,
    installed_version,
    make_hook,
    model_vocab_size,
)
from .hook import PADDING_ROW, refuse_transformed

TESTED = ("0.3.0",)
"""Releases of SkyRL with which the tests ran."""


def with_hicra(trainer_class: type[RayPPOTrainer]) -> type[RayPPOTrainer]:
    """The trainer with one more keyword argument, `hicra`: a dict with options of `Hook`.

    They win over those of the environment. For `RayPPOTrainer` and what descends from it, such as
    `FullyAsyncRayPPOTrainer`.
    """
    expected = ["self", "data", "mini_batch_boundaries", "prompt_boundaries"]
    bound = (trainer_class._normalize_advantages, expected)
    host = check_host("skyrl", installed_version("skyrl"), TESTED, bound)

    class HicraTrainer(trainer_class):
        def __init__(self, *args: Any, hicra: dict[str, Any] | None = None, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            loss = self.cfg.trainer.algorithm.policy_loss_type
            if loss == "cross_entropy":
                raise ValueError(
                    "Cannot apply HICRA as policy_loss_type must read advantages: current value "
                    f'is "{loss}", which reads none; use "regular"'
                )
            # With some losses SkyRL computes no old log-probabilities.
            has_logprobs = loss not in LOSSES_WITHOUT_OLD_LOGPROBS
            vocab_size = model_vocab_size(self.cfg.trainer.policy.model.path)
            self._hicra = bind(
                make_hook(self.tokenizer, vocab_size=vocab_size, options=hicra),
                host,
                f"{trainer_class.__name__}._normalize_advantages",
                fields=["flags", *(["old_logprobs"] if has_logprobs else [])],
            )

        @torch.no_grad()
        def _normalize_advantages(self, data: Any, *args: Any, **kwargs: Any) -> Any:
            refuse_transformed(data["advantages"])
            data = super()._normalize_advantages(data, *args, **kwargs)
            rows, columns = data["advantages"].shape
            # The rows that fill the batch up for the ranks, copies of the first, stand at its end.
            flags = np.zeros(rows, "u1")
            flags[rows - data.metadata.get("pad_size", 0) :] = PADDING_ROW
            result = self._hicra.transform_padded(
                # Sequences and responses are padded on the left, so that they end together.
                data["sequences"][:, -columns:],
                data["loss_mask"],
                data["advantages"],
                step=self.global_step,
                old_logprobs=data.get("action_log_probs"),
                flags=flags,
            )
            data["advantages"] = result.advantages
            self.all_metrics.update(result.values())
            return data

    HicraTrainer.__name__ = HicraTrainer.__qualname__ = f"Hicra{trainer_class.__name__}"
    HicraTrainer.__doc__ = f"`{trainer_class.__name__}` with HICRA, see `with_hicra`."
    return HicraTrainer


HicraRayPPOTrainer = with_hicra(RayPPOTrainer)


class HicraExp(BasePPOExp):
    """SkyRL's experiment with `HicraRayPPOTrainer`."""

    def get_trainer(self, *args: Any, **kwargs: Any) -> RayPPOTrainer:
        return HicraRayPPOTrainer(*args, **kwargs)


@ray.remote(num_cpus=1)
def _run(cfg: SkyRLTrainConfig) -> None:
    HicraExp(cfg).run()


def main() -> None:
    """SkyRL's entry point with `HicraExp`; `trainer.override_entrypoint` calls it."""
    # SkyRL reads this one before it parses strictly, and knows it no more then.
    overrides = [arg for arg in sys.argv[1:] if not arg.startswith("trainer.override_entrypoint=")]
    cfg = SkyRLTrainConfig.from_cli_overrides(overrides)
    validate_cfg(cfg)
    initialize_ray(cfg)
    # A cluster that was there before does not know this process's environment.
    ray.get(_run.options(runtime_env={"env_vars": hook_environment()}).remote(cfg))
