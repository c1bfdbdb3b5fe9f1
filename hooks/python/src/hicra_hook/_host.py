"""What an adapter asks of its host before it binds, and of its hook before training starts."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from .hook import PER_SEQUENCE, Hook


def installed_version(package: str) -> str:
    """The version of the package, or "from source" where the host runs from a mere checkout."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "from source"


def check_host(
    host: str,
    version: str,
    tested: Sequence[str],
    *bound: tuple[Callable[..., Any], Sequence[str]],
) -> str:
    """Raises where a function does not begin with the parameters it had; returns host and version.

    `bound` is each function with the names of its first parameters. An untested release is warned
    of.
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
        warnings.warn(
            f"hicra: {host} {version} is untested; tested with {', '.join(tested)}", stacklevel=3
        )
    return f"{host} {version}"


def start(
    hook: Hook,
    bound_to: str | None,
    *,
    entropy_option: str = "the host's own option",
    fields: Sequence[str] = ("old_logprobs",),
) -> None:
    """Lets the sidecar say now, and not after hours, what it does not like about the options.

    It is given a batch without a trained token, and `fields`, those that the host will hand over.
    Then the hook says what it is bound to, unless that is None: one rank says it for all.
    """
    nothing = np.zeros((1, 1), "<f4")
    probe = hook.transform_padded(
        nothing.astype("<i4"),
        nothing,
        nothing,
        **{name: nothing[0] if name in PER_SEQUENCE else nothing for name in fields},
    )
    if probe.entropy_coefficient is not None:
        raise ValueError(
            "Cannot use entropy-regularisation as the host must add the bonus to its own loss: leave "
            f"the transform out and set {entropy_option} to {probe.entropy_coefficient:g}"
        )
    if bound_to is not None:
        hook.announce(bound_to)
