"""What both adapters of verl share: the runs they refuse, and the hook that a run asks for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import verl
from omegaconf import DictConfig, OmegaConf
from verl.utils.config import omega_conf_to_dataclass

from ._host import bind, make_hook
from .hook import Hook

TESTED = ("0.9.1",)
"""Releases of verl with which the tests ran."""

FIELDS = ("rewards", "group_ids", "flags", "old_logprobs")
"""What verl always has for the hook."""

TOKEN_LOSSES = (
    *("vanilla", "dppo_tv", "dppo_kl", "gspo", "sapo", "gpg", "clip_cov", "kl_cov", "dro", "cispo"),
    "bypass_mode",
)
"""Policy losses in which a token's advantage weighs that token; verl's gspo is GSPO-token."""


def refuse(config: DictConfig) -> None:
    """Raises for a run in which credit per token would be lost between here and the gradient."""
    loss = config.actor_rollout_ref.actor.policy_loss.get("loss_mode", "vanilla")
    if loss == "geo_mean":
        raise ValueError(
            "Cannot apply HICRA as actor_rollout_ref.actor.policy_loss.loss_mode must keep credit "
            "per token: current value is geo_mean, which averages advantages over a sequence, use "
            "vanilla or gspo"
        )
    if loss not in TOKEN_LOSSES:
        warnings.warn(
            f"hicra: policy loss {loss} is none of verl's own: HICRA acts only if it weighs every "
            "token by that token's advantage",
            stacklevel=3,
        )
    distillation = config.get("distillation") or {}
    if distillation.get("enabled", False) and not distillation.distillation_loss.use_task_rewards:
        raise ValueError(
            "Cannot apply HICRA as distillation.distillation_loss.use_task_rewards must be True: "
            "current value is False, which drops the loss that reads advantages"
        )


def create_hook(
    config: DictConfig, tokenizer: Any, bound_to: str, *, fields: Sequence[str]
) -> Hook:
    """The hook of a run, tried out: what is wrong shows before any rollout.

    `+hicra.<option>=` on verl's command line wins over the environment.
    """
    options = OmegaConf.to_container(config.get("hicra") or OmegaConf.create(), resolve=True)
    model = omega_conf_to_dataclass(config.actor_rollout_ref.model)
    vocab_size = model.hf_config.get_text_config().vocab_size
    return bind(
        make_hook(tokenizer, vocab_size=vocab_size, options=options),
        f"verl {verl.__version__}",
        bound_to,
        fields=fields,
        entropy_option="actor_rollout_ref.actor.entropy_coeff",
    )
