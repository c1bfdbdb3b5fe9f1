"""What an adapter asks of its host before it binds, and of its hook before training starts."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any, NoReturn

from .hook import OPTIONS, Hook, Result, backend_tokenizer

_FROM_SOURCE = "from source"


def installed_version(package: str) -> str:
    """The version of the package, or "from source" where the host runs from a mere checkout."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return _FROM_SOURCE


def check_host(
    host: str,
    version: str,
    tested: Sequence[str],
    *bound: tuple[Callable[..., Any], Sequence[str]],
) -> str:
    """Raises where a function does not begin with the parameters it had; returns host and version.

    `bound` is each function with the names of its first parameters. An untested release is warned
    of, and a checkout, which does not say what it is.
    """
    for function, expected in bound:
        found = list(inspect.signature(function).parameters)
        if found[: len(expected)] != list(expected):
            raise RuntimeError(
                f"Cannot add HICRA to {host} {version} as {function.__qualname__} must take "
                f"{', '.join(expected)}: it takes {', '.join(found)}; tested with {host} "
                f"{', '.join(tested)}"
            )
    if version not in tested:
        found = "does not say its version" if version == _FROM_SOURCE else "is untested"
        warnings.warn(
            f"hicra: {host} {version} {found}; tested with {', '.join(tested)}", stacklevel=3
        )
    return f"{host} {version}"


def refuse_installed(function: Callable[..., Any]) -> None:
    """Raises for a function of the host in whose place HICRA's stands already."""
    if hasattr(function, "hicra"):
        raise RuntimeError(
            f"Cannot install HICRA as {function.__module__}.{function.__qualname__} must be the "
            "host's own: HICRA is installed already, a second application would compound"
        )


def refuse_ratio(option: str, value: Any, *, use: Any) -> NoReturn:
    """Raises for an option that gives many tokens one ratio; `use` is one that does not."""
    value, use = (f'"{each}"' if isinstance(each, str) else each for each in (value, use))
    raise ValueError(
        f"Cannot apply HICRA as {option} must have importance ratios per token: current value is "
        f"{value}, where one ratio for many tokens gives all of them the same credit, use {use}"
    )


def make_hook(
    tokenizer: Any = None,
    *,
    vocab_size: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Hook:
    """A hook of the environment, over which `options`, given in code, win.

    `vocab_size` is what the host says of the rows of the model's embedding: HICRA_VOCAB_SIZE and
    `options` win over it, and so does a tokenizer of more tokens. A "tokenizer" among the options
    wins over the host's.
    """
    if not (options is None or isinstance(options, Mapping)):
        raise TypeError(
            'Cannot add HICRA as its options must be a dict such as {"alpha": 0.2}, or None for those of '
            f"the environment: current value is {options!r}; an alpha of 0 changes no advantage"
        )
    options = dict(options or {})
    given = options.pop("tokenizer", None)
    tokenizer = tokenizer if given is None else given
    is_news = vocab_size is not None and vocab_size > _tokens(tokenizer)
    if is_news and "HICRA_VOCAB_SIZE" not in os.environ and options.get("vocab_size") is None:
        options["vocab_size"] = vocab_size
    return Hook.from_env(tokenizer, **options)


def bind(
    hook: Hook,
    host: str,
    bound_to: str | None,
    *,
    fields: Sequence[str],
    entropy_option: str = "the host's own option",
    ranks_act_alone: bool = False,
) -> Hook:
    """Tries the hook out, and says what it is bound to, unless that is None: one rank says it.

    `fields` are those that the host hands over with every batch. `ranks_act_alone` is for hosts
    whose ranks do not hear of one another's failures.
    """
    hook.host = hook.host or host
    if ranks_act_alone and hook.on_failure != "raise":
        raise ValueError(
            f'Cannot apply HICRA as on_failure (HICRA_ON_FAILURE) must be "raise" in {host}: '
            f'current value is "{hook.on_failure}", and ranks of one model could train on '
            "different advantages"
        )
    coefficient = hook.check(fields).entropy_coefficient
    if coefficient is not None:
        raise ValueError(
            "Cannot use entropy-regularization as the host must add the bonus to its own loss: "
            f"leave the transform out and set {entropy_option} to {coefficient:g}"
        )
    if bound_to is not None:
        hook.announce(bound_to)
    return hook


def model_vocab_size(model: str) -> int | None:
    """Rows of a model's embedding by its `config.json`, or None where that does not say."""
    from transformers import PretrainedConfig

    config, _ = PretrainedConfig.get_config_dict(model)
    # Models that see as well hold the configuration of their text model.
    return config.get("text_config", config).get("vocab_size")


def hook_environment() -> dict[str, str]:
    """The options that this process's environment has for a hook, to hand them to another process.

    HICRA_TOKEN is none of them: it is a secret, and a runtime environment can be read by many.
    """
    names = [f"HICRA_{option.upper()}" for option in (*OPTIONS, "tokenizer")]
    return {name: os.environ[name] for name in names if name in os.environ}


def over_ranks(result: Result, group: Any) -> Result:
    """The result with the metrics of all ranks of a process group, every one of which must call."""
    import torch

    device = result.advantages.device
    pairs = torch.tensor(list(result.metrics.values()), dtype=torch.float64, device=device)
    torch.distributed.all_reduce(pairs, group=group)
    metrics = {name: tuple(pair) for name, pair in zip(result.metrics, pairs.tolist(), strict=True)}
    return replace(result, metrics=metrics)


def _tokens(tokenizer: Any) -> int:
    """How many tokens there are, or 0 where only the sidecar will know."""
    backend = backend_tokenizer(tokenizer)
    return 0 if backend is None else backend.get_vocab_size()
