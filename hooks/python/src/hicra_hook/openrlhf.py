"""HICRA in OpenRLHF: its trainers, with an experience maker that gives credit per token.

    python -m hicra_hook.openrlhf --actor.model_name_or_path ...

stands for `python -m openrlhf.cli.train_ppo_ray`; options are in the environment (`Hook.from_env`).

The trainers are Ray actors, and an actor's process imports OpenRLHF anew: a name that the launcher
puts in the place of `RemoteExperienceMaker` is not there. So the trainers themselves are replaced,
by subclasses that put it there when they start.
"""

from __future__ import annotations

import runpy
from typing import Any

import ray
import torch
from openrlhf.trainer import ppo_trainer, ppo_trainer_async
from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker

from ._host import (
    bind,
    check_host,
    hook_environment,
    installed_version,
    make_hook,
    model_vocab_size,
    refuse_ratio,
)

TESTED = ("0.11.2",)
"""Releases of OpenRLHF with which the tests ran."""

_OVERRIDDEN = "RemoteExperienceMaker.compute_advantages_and_returns"
_HOST = check_host(
    "openrlhf",
    installed_version("openrlhf"),
    TESTED,
    (RemoteExperienceMaker.compute_advantages_and_returns, ["self", "experiences"]),
    (ppo_trainer.BasePPOTrainer.train_step, ["self", "rollout_samples", "global_step"]),
)


class HicraExperienceMaker(RemoteExperienceMaker):
    """`RemoteExperienceMaker`, after whose advantages and whitening HICRA acts."""

    step: int | None = None
    """The trainer's step, for what reads it; None until the trainer has said it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.args.actor.policy_loss_type == "gspo":
            refuse_ratio("policy_loss_type", "gspo", use="ppo")
        vocab_size = model_vocab_size(self.args.actor.model_name_or_path)
        hook = make_hook(self.tokenizer, vocab_size=vocab_size)
        self._hicra = bind(hook, _HOST, _OVERRIDDEN, fields=("old_logprobs", "rewards"))

    @torch.no_grad()
    def compute_advantages_and_returns(self, experiences: list[Any]) -> list[Any]:
        experiences = super().compute_advantages_and_returns(experiences)
        shapes = [_shape(experience) for experience in experiences]
        lengths = [length for rows, length in shapes for _ in range(rows)]

        def packed(name: str) -> torch.Tensor:
            return torch.cat([getattr(experience, name).flatten() for experience in experiences])

        result = self._hicra.transform(
            torch.tensor([0, *lengths]).cumsum(0),
            # Column t is the action that chose token t + 1.
            torch.cat([experience.sequences[:, 1:].flatten() for experience in experiences]),
            packed("action_mask"),
            packed("advantages"),
            advantages_per="token",
            step=self.step,
            old_logprobs=packed("action_log_probs"),
            rewards=packed("rewards"),
        )
        parts = result.advantages.split([rows * length for rows, length in shapes])
        for experience, part, shape in zip(experiences, parts, shapes, strict=True):
            experience.advantages = part.view(shape)
            # OpenRLHF averages over samples what has one value a sample.
            for name, value in result.values().items():
                experience.info[name] = torch.full(shape[:1], value)
        return experiences


def with_hicra(actor_class: Any) -> Any:
    """The trainer, a Ray actor class, with HICRA as this process's environment describes it."""
    trainer_class = actor_class.__ray_metadata__.modified_class.__ray_actor_class__

    class HicraTrainer(trainer_class):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            ppo_trainer.RemoteExperienceMaker = HicraExperienceMaker
            super().__init__(*args, **kwargs)

        def train_step(self, rollout_samples: Any, global_step: int) -> Any:
            self.experience_maker.step = global_step
            return super().train_step(rollout_samples, global_step)

    HicraTrainer.__name__ = HicraTrainer.__qualname__ = f"Hicra{trainer_class.__name__}"
    return ray.remote(runtime_env={"env_vars": hook_environment()})(HicraTrainer)


def main() -> None:
    """OpenRLHF's command line, with HICRA in both of its trainers."""
    ppo_trainer.PPOTrainer = with_hicra(ppo_trainer.PPOTrainer)
    ppo_trainer_async.TrainingActor = with_hicra(ppo_trainer_async.TrainingActor)
    runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__", alter_sys=True)


def _shape(experience: Any) -> tuple[int, int]:
    rows, tokens = experience.sequences.shape
    expected = (rows, tokens - 1)
    for name in ("action_mask", "advantages"):
        found = tuple(getattr(experience, name).shape)
        if found != expected:
            raise ValueError(
                f"Cannot apply HICRA as {name} must be {list(expected)}, an action for each token "
                f"but the first: current shape is {list(found)}"
            )
    return expected


if __name__ == "__main__":
    # By its name, as actors have no __main__ of this process to find classes in.
    from hicra_hook.openrlhf import main as launch

    launch()
