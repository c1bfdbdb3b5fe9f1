"""What an adapter asks of its host before it binds, and of its hook before training starts."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from .hook import Hook


def installed_version(package: str) -> str:
    """The version of the package, or "unknown" where the host runs from a mere checkout."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def check_host(
    host: str,
    found_version: str,
    tested: Sequence[str],
    bound: Mapping[str, tuple[Callable[..., Any], Sequence[str]]],
) -> str:
    """Raises where a function does not begin with the parameters it had; returns host and version.

    `bound` gives each function with the names of its first parameters. An untested release is
    warned of.
    """
    for name, (function, expected) in bound.items():
        found = list(inspect.signature(function).parameters)
        if found[: len(expected)] != list(expected):
            raise RuntimeError(
                f"Cannot bind to {host} {found_version} as {name} must take {', '.join(expected)}: "
                f"it takes {', '.join(found)}; tested with {host} {', '.join(tested)}"
            )
    if found_version not in tested:
        warnings.warn(
            f"hicra: {host} {found_version} is untested; tested with {', '.join(tested)}",
            stacklevel=3,
        )
    return f"{host} {found_version}"


def start(hook: Hook, bound_to: str) -> None:
    """Lets the sidecar say now, and not after hours, what it does not like about the options.

    It is given a batch without a trained token. Then the hook says what it is bound to.
    """
    nothing = np.zeros((1, 1), "<f4")
    probe = hook.transform_padded(nothing.astype("<i4"), nothing, nothing, old_logprobs=nothing)
    if probe.entropy_coefficient is not None:
        raise ValueError(
            "Cannot use entropy-regularisation as the host must add the bonus to its own loss: set "
            f"the host's entropy coefficient to {probe.entropy_coefficient:g} instead"
        )
    hook.announce(bound_to)
