"""HICRA in TRL: `GRPOTrainer` with credit per token.

    from hicra_hook.trl import HicraGRPOTrainer

    trainer = HicraGRPOTrainer(..., hicra={"alpha": 0.2})

It acts in `_generate_and_score_completions`, where token ids, masks and final advantages are
together for the first time: once per generation, before TRL shuffles, splits and reuses the batch.
"""

from __future__ import annotations

import inspect
import warnings
from copy import copy
from functools import partial
from typing import Any

import torch
import trl
from accelerate.utils import gather_object
from trl import GRPOConfig, GRPOTrainer

from ._host import bind, check_host, make_hook, refuse_ratio
from .hook import averages

TESTED = ("1.0.0", "1.8.0", "1.16.0")
"""Releases of TRL with which the tests ran."""

_OVERRIDDEN = {
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
    "_generate_and_score_completions": ["self", "inputs"],
    "_compute_loss": ["self", "model", "inputs"],
}

_READ = ("completion_ids", "completion_mask", "advantages")
"""What the hook reads of a batch, beside what only some runs have."""

_MARK = "base_advantages"
"""What a batch has that went through a hook: TRL's own advantages, which follow their rows."""

_NOT_AS_SCORED = (
    "the rows of the batch are not those that _calculate_rewards scored last, so their rewards and "
    "groups are not known"
)


def with_hicra(trainer_class: type[GRPOTrainer]) -> type[GRPOTrainer]:
    """The trainer with one more keyword argument, `hicra`: a dict with options of `Hook`.

    They win over those of the environment. For `GRPOTrainer` and subclasses of it whose loss takes
    advantages per token. In the batch that the loss sees, `advantages` are `[rows, columns]`, and
    TRL's own stay as `base_advantages`.
    """
    _check_host(trainer_class)
    bound_to = f"{trainer_class.__name__}._generate_and_score_completions"

    class HicraTrainer(trainer_class):
        def __init__(self, *args: Any, hicra: dict[str, Any] | None = None, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            _check_loss(self)
            # By the configuration: an embedding may be wrapped by PEFT, or be a shard of ZeRO's.
            rows = self.model.config.get_text_config().vocab_size
            self._hicra = bind(
                make_hook(self.processing_class, vocab_size=rows, options=hicra),
                f"trl {trl.__version__}",
                bound_to if self.accelerator.is_main_process else None,
                fields=_fields(self),
                entropy_option="entropy_coef of GRPOConfig",
            )
            self.args = _recorded(self.args, self._hicra.record())
            self._hicra_failures = 0
            # Completions of this rank, and their rewards among those of all ranks, by function.
            self._hicra_scored: tuple[list[list[int]], torch.Tensor] | None = None
            self._hicra_has_warned = False

        def _calculate_rewards(
            self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
        ) -> torch.Tensor:
            rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            self._hicra_scored = completion_ids_list, rewards
            return rewards

        def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
            self._hicra_scored = None
            output = super()._generate_and_score_completions(inputs)
            _check_output(output, bound_to)
            base = output["advantages"]
            return output | {"advantages": _transform(self, output), _MARK: base}

        def _compute_loss(self, model: Any, inputs: Any) -> torch.Tensor:
            if _MARK not in inputs:
                raise ValueError(
                    f"Cannot train as every batch must come through {bound_to}, where HICRA acts, "
                    f"and keep its {_MARK}: this one has none, so its loss would be that of plain "
                    "GRPO, have the trainer call self._generate_and_score_completions"
                )
            return super()._compute_loss(model, inputs)

    HicraTrainer.__name__ = HicraTrainer.__qualname__ = f"Hicra{trainer_class.__name__}"
    HicraTrainer.__doc__ = f"`{trainer_class.__name__}` with HICRA, see `with_hicra`."
    return HicraTrainer


def _recorded(args: GRPOConfig, options: dict[str, Any]) -> GRPOConfig:
    """A copy of the arguments whose `to_dict`, which W&B and its like record, tells the options too."""
    copied = copy(args)
    copied.hicra = options
    copied.to_dict = partial(_to_dict, copied)
    return copied


def _to_dict(args: GRPOConfig) -> dict[str, Any]:
    return type(args).to_dict(args) | {"hicra": args.hicra}


def _transform(trainer: Any, output: dict[str, Any]) -> torch.Tensor:
    """The advantages to train with; their metrics go to the trainer's log.

    The ranks report to one another before any of them goes on, so that they raise together, or pass
    a batch through together: a rank that stopped alone would leave the others waiting.
    """
    mode = "train" if trainer.model.training else "eval"
    rows = len(output["advantages"])
    hook, failures_before = trainer._hicra, trainer._hicra.failures
    rewards = _rewards(trainer, output)
    problem = None
    try:
        result = hook.transform_padded(
            output["completion_ids"],
            _loss_mask(output),
            output["advantages"],
            step=trainer.state.global_step,
            old_logprobs=output.get("old_per_token_logps"),
            rewards=rewards,
            group_ids=None if rewards is None else _group_ids(trainer, mode, rows),
        )
        report = {
            "failed": hook.failures > failures_before,
            "metrics": result.metrics,
            "empty_batches": result.empty_batches,
            "latency_ms": result.latency_ms,
        }
    except Exception as error:
        why = "" if rewards is not None else f" ({_NOT_AS_SCORED})"
        problem, report = error, {"problem": f"{type(error).__name__}: {error}{why}"}

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
    log["hicra/empty_batches"].append(float(sum(r["empty_batches"] for r in reports)))
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


def _rewards(trainer: Any, output: dict[str, Any]) -> torch.Tensor | None:
    """Rewards of this rank's rows as TRL adds them up; None where its rows are not those scored last.

    A subclass may have dropped, added or moved some: rewards by row, and groups by the order in
    which TRL samples them, would be of other rows.
    """
    rows = output["completion_ids"].tolist()
    ids, per_function = trainer._hicra_scored or ([], torch.empty(0, 1))
    if len(ids) != len(rows) or any(row[: len(one)] != list(one) for row, one in zip(rows, ids)):
        if not trainer._hicra_has_warned:
            trainer._hicra_has_warned = True
            warnings.warn(
                f"hicra: {_NOT_AS_SCORED}; such batches are left out of the metrics by reward and "
                "by group",
                RuntimeWarning,
                stacklevel=4,
            )
        return None
    weighted = (per_function * trainer.reward_weights.to(per_function.device)).nansum(dim=1)
    # As TRL: a completion that no function scored has no reward, rather than one of 0.
    weighted[per_function.isnan().all(dim=1)] = torch.nan
    first = trainer.accelerator.process_index * len(rows)
    return weighted[first : first + len(rows)]


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


def _check_output(output: Any, bound_to: str) -> None:
    """Raises for what a subclass may return in place of TRL's batch, or of one that HICRA has seen."""
    if not isinstance(output, dict):
        raise TypeError(
            f"Cannot apply HICRA as {bound_to} must return one batch, a dict as TRL's does: it "
            f"returned a {type(output).__name__}, as trainers do that compute advantages later or "
            "split the batch there (ms-swift's)"
        )
    missing = [name for name in _READ if name not in output]
    if missing:
        raise ValueError(
            f"Cannot apply HICRA as the batch that {bound_to} returns must have "
            f"{', '.join(_READ)}: it lacks {', '.join(missing)}"
        )
    if _MARK in output:
        raise ValueError(
            f"Cannot apply HICRA as the advantages must be TRL's own: the batch has {_MARK}, so a "
            "second application would compound, wrap the trainer once"
        )


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
