"""HICRA in AReaL: a trainer whose actors give credit per token.

    from hicra_hook.areal import HicraPPOTrainer as PPOTrainer

Workers read HICRA_ALPHA and the like from their environment (`actor.scheduling_spec[].env_vars`
with a single controller), and the tokenizer from `actor.path`, or from HICRA_TOKENIZER.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import torch
import torch.distributed as dist
from areal.trainer.ppo.actor import PPOActor
from areal.trainer.rl_trainer import PPOTrainer
from areal.utils import stats_tracker
from areal.utils.environ import is_single_controller
from areal.utils.hf_utils import load_hf_tokenizer

from ._host import (
    bind,
    check_host,
    installed_version,
    make_hook,
    model_vocab_size,
    over_ranks,
    refuse_ratio,
)
from .hook import Hook

TESTED = ("1.0.4",)
"""Releases of AReaL with which the tests ran."""

_HOST = check_host(
    "areal",
    installed_version("areal"),
    TESTED,
    (PPOActor._compute_advantages, ["self", "data"]),
    (PPOTrainer._create_train_engine, ["self", "actor_config", "alloc"]),
)

_ENGINES = {
    "HicraFSDPPPOActor": ("areal.engine", "FSDPPPOActor"),
    "HicraMegatronPPOActor": ("areal.engine", "MegatronPPOActor"),
    "HicraArchonPPOActor": ("areal.experimental.engine.archon_engine", "ArchonPPOActor"),
}
_BACKENDS = {
    "fsdp": "HicraFSDPPPOActor",
    "megatron": "HicraMegatronPPOActor",
    "archon": "HicraArchonPPOActor",
}


class HicraActor(PPOActor):
    """`PPOActor` that credits planning tokens after reward shaping, GAE and `adv_norm`."""

    def __init__(self, config: Any, engine: Any, hook: Hook | None = None) -> None:
        if config.importance_sampling_level != "token":
            # AReaL averages advantages over each sequence then.
            found = config.importance_sampling_level
            refuse_ratio("importance_sampling_level", found, use="token")
        super().__init__(config, engine)
        self.hook = bind(
            hook or _hook_of(config.path),
            _HOST,
            "PPOActor._compute_advantages",
            fields=("old_logprobs", "rewards"),
            ranks_act_alone=True,
        )

    def _compute_advantages(self, data: dict[str, Any]) -> dict[str, Any]:
        data = super()._compute_advantages(data)
        result = self.hook.transform_padded(
            # AReaL has rolled loss_mask and logprobs by -1: column t is about token t + 1.
            torch.roll(data["input_ids"], shifts=-1, dims=-1),
            data["loss_mask"],
            data["advantages"],
            step=self.engine.get_version(),
            old_logprobs=data["logprobs"],
            rewards=data["rewards"],
        )
        if dist.is_initialized():
            # AReaL averages scalars over ranks with equal weight, so they are to be equal before.
            result = over_ranks(result, self.engine.data_parallel_group)
        stats_tracker.scalar(**result.values())
        data["advantages"] = result.advantages
        return data


class HicraPPOTrainer(PPOTrainer):
    """`PPOTrainer` whose actor is a `HicraActor`; reference, teacher and critic stay AReaL's."""

    def _create_train_engine(self, actor_config: Any, alloc: Any) -> Any:
        if actor_config is not self.config.actor or alloc.backend not in _BACKENDS:
            return super()._create_train_engine(actor_config, alloc)
        engine_class = getattr(sys.modules[__name__], _BACKENDS[alloc.backend])
        if is_single_controller():
            actor = engine_class.as_controller(actor_config, self.scheduler)
        else:
            actor = engine_class(config=actor_config)
        actor.create_process_group(parallel_strategy=alloc.parallel)
        return actor


def __getattr__(name: str) -> Any:
    """The engines: made when asked for, as importing Megatron needs Megatron.

    Workers of a single controller import theirs by the name of this module.
    """
    if name not in _ENGINES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, base_name = _ENGINES[name]
    base = getattr(importlib.import_module(module), base_name)

    def __init__(self: Any, config: Any) -> None:
        base.__init__(self, config)
        self.actor = HicraActor(config, self)

    members = {
        "__init__": __init__,
        "__module__": __name__,
        "__doc__": f"`{base_name}` with HICRA.",
    }
    engine = globals()[name] = type(name, (base,), members)
    return engine


def _hook_of(model: str) -> Hook:
    named = "HICRA_TOKENIZER" in os.environ
    tokenizer = None if named else load_hf_tokenizer(model)
    return make_hook(tokenizer, vocab_size=model_vocab_size(model))
