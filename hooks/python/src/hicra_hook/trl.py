"""HICRA in TRL: `GRPOTrainer` with credit per token.

    from hicra_hook.trl import HicraGRPOTrainer

    trainer = HicraGRPOTrainer(..., hicra={"alpha": 0.2})

It acts in `_generate_and_score_completions`, where token ids, masks and final advantages are
together for the first time: once per generation, before TRL shuffles, splits and reuses the batch.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
import trl
from accelerate.utils import gather_object
from trl import GRPOTrainer

from ._host import bind, check_host, make_hook, refuse_ratio
from .hook import averages

TESTED = ("1.0.0", "1.8.0", "1.16.0")
"""Releases of TRL with which the tests ran."""

_OVERRIDDEN = {
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
    "_generate_and_score_completions": ["self", "inputs"],
}


def with_hicra(trainer_class: type[GRPOTrainer]) -> type[GRPOTrainer]:
    """The trainer with one more keyword argument, `hicra`: a dict with options of `Hook`.

    They win over those of the environment. For `GRPOTrainer` and subclasses of it whose loss takes
    advantages per token. In the batch that the loss sees, `advantages` are `[rows, columns]`, and
    TRL's own stay as `base_advantages`.
    """
    _check_host(trainer_class)

    class HicraTrainer(trainer_class):
        def __init__(self, *args: Any, hicra: dict[str, Any] | None = None, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            _check_loss(self)
            bound_to = f"{trainer_class.__name__}._generate_and_score_completions"
            rows = self.model.get_input_embeddings().num_embeddings
            self._hicra = bind(
                make_hook(self.processing_class, vocab_size=rows, options=hicra),
                f"trl {trl.__version__}",
                bound_to if self.accelerator.is_main_process else None,
                fields=_fields(self),
                entropy_option="entropy_coef of GRPOConfig",
            )
            self._hicra_failures = 0

        def _calculate_rewards(
            self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
        ) -> torch.Tensor:
            rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            self._hicra_rewards = rewards
            return rewards

        def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
            output = super()._generate_and_score_completions(inputs)
            if "base_advantages" in output:
                raise ValueError(
                    "Cannot apply HICRA as the advantages must be TRL's own: the batch has "
                    "base_advantages, so a second application would compound, wrap the trainer once"
                )
            base = output["advantages"]
            return output | {"advantages": _transform(self, output), "base_advantages": base}

    HicraTrainer.__name__ = HicraTrainer.__qualname__ = f"Hicra{trainer_class.__name__}"
    HicraTrainer.__doc__ = f"`{trainer_class.__name__}` with HICRA, see `with_hicra`."
    return HicraTrainer


def _transform(trainer: Any, output: dict[str, Any]) -> torch.Tensor:
    """The advantages to train with; their metrics go to the trainer's log.

    The ranks report to one another before any of them goes on, so that they raise together, or pass
    a batch through together: a rank that stopped alone would leave the others waiting.
    """
    mode = "train" if trainer.model.training else "eval"
    rows = len(output["advantages"])
    hook, failures_before = trainer._hicra, trainer._hicra.failures
    problem = None
    try:
        result = hook.transform_padded(
            output["completion_ids"],
            _loss_mask(output),
            output["advantages"],
            step=trainer.state.global_step,
            old_logprobs=output.get("old_per_token_logps"),
            rewards=_rewards(trainer, rows),
            group_ids=_group_ids(trainer, mode, rows),
        )
        report = {
            "failed": hook.failures > failures_before,
            "metrics": result.metrics,
            "latency_ms": result.latency_ms,
        }
    except Exception as error:
        problem, report = error, {"problem": f"{type(error).__name__}: {error}"}

    reports = gather_object([report])
    problems = [f"rank {rank}: {r['problem']}" for rank, r in enumerate(reports) if "problem" in r]
    if problems:
        raise RuntimeError("; ".join(problems)) from problem
    failed = any(r["failed"] for r in reports)
    trainer._hicra_failures += failed
    log = trainer._metrics[mode]
    log["hicra/failures"].append(float(trainer._hicra_failures))
    if failed:
        return output["advantages"]
    log["hicra/latency_ms"].append(max(r["latency_ms"] for r in reports))
    pairs = {name: [r["metrics"][name] for r in reports] for name in result.metrics}
    of_all = {name: tuple(map(sum, zip(*of_rank, strict=True))) for name, of_rank in pairs.items()}
    for name, value in averages(of_all).items():
        log[name].append(value)
    return result.advantages


def _fields(trainer: Any) -> list[str]:
    """What the hook gets with every batch of training."""
    args = trainer.args
    steps_per_policy = args.steps_per_generation * args.num_iterations
    corrected = args.use_vllm and args.vllm_importance_sampling_correction
    # By TRL's own rule: else the policy that generated is the one that is trained.
    has_logprobs = args.gradient_accumulation_steps % steps_per_policy != 0 or corrected
    rows = args.per_device_train_batch_size * args.steps_per_generation
    has_groups = _group_ids(trainer, "train", rows) is not None
    found = {"old_logprobs": has_logprobs, "group_ids": has_groups}
    return [name for name, has in found.items() if has]


def _loss_mask(output: dict[str, Any]) -> torch.Tensor:
    mask = output["completion_mask"]
    # TRL pads tool_mask with ones, so it says nothing without completion_mask.
    return mask * output["tool_mask"] if "tool_mask" in output else mask


def _rewards(trainer: Any, rows: int) -> torch.Tensor | None:
    """Rewards of this rank's rows as TRL adds them up; None where a completion has none at all."""
    per_function = trainer._hicra_rewards
    if per_function.isnan().all(dim=1).any():
        return None
    weighted = per_function * trainer.reward_weights.to(per_function.device)
    first = trainer.accelerator.process_index * rows
    return weighted.nansum(dim=1)[first : first + rows]


def _group_ids(trainer: Any, mode: str, rows: int) -> torch.Tensor | None:
    """The group of each of this rank's rows; None where the rank holds parts of groups."""
    size = trainer.num_generations if mode == "train" else trainer.num_generations_eval
    return torch.arange(rows) // size if rows % size == 0 else None


def _check_host(trainer_class: type) -> None:
    if not (inspect.isclass(trainer_class) and issubclass(trainer_class, GRPOTrainer)):
        raise TypeError(
            "Cannot add HICRA as the trainer must be GRPOTrainer or a subclass of it: "
            f"current value is {trainer_class!r}"
        )
    for base in trainer_class.__mro__:
        if "Unsloth" in base.__name__:
            raise TypeError(
                f"Cannot add HICRA to {base.__name__} as the loss must read TRL's columns: "
                "Unsloth's packs rows to the left, so credit would land on other tokens, use TRL "
                "without it"
            )
        if base.__name__ == "GMPOTrainer":
            raise TypeError(
                "Cannot add HICRA to GMPOTrainer as importance ratios must be per token: their "
                "geometric mean gives all tokens of a sequence the same credit, use GRPOTrainer"
            )
    bound = [(getattr(trainer_class, name), expected) for name, expected in _OVERRIDDEN.items()]
    check_host("trl", trl.__version__, TESTED, *bound)


def _check_loss(trainer: Any) -> None:
    """Refuses the losses in which a token's advantage does not weigh that token."""
    args = trainer.args
    if args.importance_sampling_level != "token":
        refuse_ratio("importance_sampling_level", args.importance_sampling_level, use="token")
    if args.use_liger_kernel and hasattr(trainer, "compute_liger_loss"):
        raise ValueError(
            "Cannot apply HICRA as use_liger_kernel must be False: current value is True, and the "
            f"fused loss of trl {trl.__version__} was never tested with advantages per token"
        )


HicraGRPOTrainer = with_hicra(GRPOTrainer)
