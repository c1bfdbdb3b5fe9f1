"""What an adapter asks of the framework it attaches to."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any


def host_version(distribution: str, tested: Sequence[str]) -> str:
    """The installed version, or "from source"; warns where no test ever ran with it."""
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "from source"
    if version not in tested:
        warnings.warn(
            f"hicra: {distribution} {version} is untested; tested with {', '.join(tested)}",
            stacklevel=3,
        )
    return version


def require_parameters(
    host: str, function: Callable[..., Any], expected: Sequence[str], tested: Sequence[str]
) -> None:
    """Raises where a function that an adapter wraps is no longer called as it was."""
    found = list(inspect.signature(function).parameters)
    if found[: len(expected)] != list(expected):
        raise RuntimeError(
            f"Cannot add HICRA to {host} as {function.__qualname__} must take "
            f"{', '.join(expected)}: "
            f"it takes {', '.join(found)}; tested with {', '.join(tested)}"
        )
