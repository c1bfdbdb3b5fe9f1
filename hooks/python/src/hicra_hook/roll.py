"""HICRA in ROLL: credit per token in what a pipeline's advantage function returns.

    pipeline = RLVRPipeline(pipeline_config=config)
    hicra_hook.roll.install(pipeline)
    pipeline.run()

Agentic runs name it in YAML instead: `pipeline_cls: hicra_hook.roll.HicraAgenticPipeline`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ._host import (
    bind,
    check_host,
    installed_version,
    make_hook,
    model_vocab_size,
    refuse_installed,
    refuse_ratio,
)
from .hook import Hook

TESTED = ("0.3.0",)
"""ROLL 0.3.0 at commit 8eb27cc2; put on the path from source it does not say which it is."""

_FUNCTIONS = ("compute_advantage", "agentic_compute_advantage")
_LEVELS = {"importance_sampling": "token", "ratio_type": "token"}


def install(pipeline: Any, hook: Hook | None = None) -> Hook:
    """Credits every batch of an RLVR, RLVR-VLM or agentic pipeline, before its `run`.

    Without a hook one is made from the environment and the pipeline's tokenizer. The pipeline calls
    its function by a name in its module, so all pipelines of one module in one process are
    credited.
    """
    for name, level in _LEVELS.items():
        found = getattr(pipeline.pipeline_config, name, level)
        if found != level:
            refuse_ratio(name, found, use=level)
    module, name = _function_of(type(pipeline))
    function = getattr(module, name)
    refuse_installed(function)
    expected = ["data", "gamma", "lambd", "adv_estimator"]
    host = check_host("roll", installed_version("roll"), TESTED, (function, expected))
    hook = hook or _hook_of(pipeline)
    bind(hook, host, f"{module.__name__}.{name}", fields=("old_logprobs",))
    setattr(module, name, crediting(function, hook, pipeline))
    return hook


def crediting(function: Callable[..., Any], hook: Hook, pipeline: Any = None) -> Callable[..., Any]:
    """An advantage function of ROLL, followed by HICRA; the pipeline or its batches know the step.

    It comes after `advantage_clip`, which is inside: results may exceed the clip by alpha.
    """

    @functools.wraps(function)
    def compute_and_credit(data: Any, *args: Any, response_mask: Any = None, **kwargs: Any) -> Any:
        data = function(data, *args, response_mask=response_mask, **kwargs)
        batch = data.batch
        result = hook.transform_padded(
            # ROLL's columns are one less than its tokens: column t is about token t + 1.
            batch["input_ids"][:, 1:],
            batch["response_mask"][:, 1:] if response_mask is None else response_mask,
            batch["advantages"],
            # The RLVR-VLM pipeline says it only of itself, the others only in their batches.
            step=getattr(pipeline, "global_step", data.meta_info.get("global_step")),
            old_logprobs=batch["old_log_probs"],
        )
        batch["advantages"] = result.advantages
        data.meta_info["metrics"] = data.meta_info.get("metrics", {}) | result.values()
        return data

    compute_and_credit.hicra = True
    return compute_and_credit


def __getattr__(name: str) -> Any:
    """`HicraAgenticPipeline`, made when asked for, as importing it needs all of ROLL."""
    if name != "HicraAgenticPipeline":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from roll.pipeline.agentic.agentic_pipeline import AgenticPipeline

    class HicraAgenticPipeline(AgenticPipeline):
        """`AgenticPipeline` with HICRA, configured by the environment."""

        def __init__(self, pipeline_config: Any) -> None:
            super().__init__(pipeline_config)
            install(self)

    globals()[name] = HicraAgenticPipeline
    return HicraAgenticPipeline


def _hook_of(pipeline: Any) -> Hook:
    model = pipeline.pipeline_config.actor_train.model_args.model_name_or_path
    return make_hook(pipeline.tokenizer, vocab_size=model_vocab_size(model))


def _function_of(pipeline_class: type) -> tuple[Any, str]:
    for ancestor in pipeline_class.__mro__:
        module = sys.modules[ancestor.__module__]
        for name in _FUNCTIONS:
            if hasattr(module, name) and "run" in vars(ancestor):
                return module, name
    raise TypeError(
        f"Cannot install HICRA as {pipeline_class.__name__} must run one of "
        f"{', '.join(_FUNCTIONS)}: "
        "none of its modules has it"
    )
