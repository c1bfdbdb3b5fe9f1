"""What a sidecar may answer: whatever else comes is a ValueError, whoever sent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._errors import SidecarError, SidecarUnavailable
from ._safetensors import decode, read_json, start_of

_OUTPUTS = {"advantages": "<f4", "planning_mask": "u1", "kinds": "u1", "spans": "<i4"}
_BUSY = ("busy", "too_many_connections")
_NOTHING_SAID = ("body_timeout", "body_aborted")
"""Codes of refusals that say nothing of the request, as it has not arrived."""


def read_object(reply: bytes | bytearray | str, **fields: type) -> dict[str, Any]:
    """A JSON object with these fields."""
    return _checked(read_json(reply), **fields)


def read_health(reply: bytes | bytearray) -> dict[str, Any]:
    """Versions, names of metrics and limits."""
    found = read_object(reply, protocol=int, version=str, metrics=list)
    _checked(found.get("limits", {"max_body_bytes": 0}), max_body_bytes=int)
    return found


def read_batch(
    reply: bytes | bytearray, outputs: Sequence[str], tokens: int, needed: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors that were asked for, of a batch of so many tokens, and the metadata that is needed."""
    tensors, said = decode(reply)
    for name in outputs:
        if name not in tensors:
            raise ValueError(f"{name} is missing")
        found = tensors[name]
        shape = found.shape if name == "spans" and found.size % 3 == 0 else (tokens,)
        if found.dtype != _OUTPUTS[name] or found.shape != shape or found.ndim != 1:
            raise ValueError(
                f"{name} must be {_OUTPUTS[name]} {list(shape)}: it is {found.dtype} "
                f"{list(found.shape)}"
            )
    for name in needed:
        if name not in said:
            raise ValueError(f"metadata {name} is missing")
    for name, pair in read_object(said.get("metrics", "{}")).items():
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair))):
            raise ValueError(f"metric {name} must be a sum and a count: it is {pair!r}")
    for name, kind in (("warnings", str), ("transforms", dict)):
        listed = read_json(said.get(name, "[]"))
        if not (isinstance(listed, list) and all(isinstance(each, kind) for each in listed)):
            raise ValueError(f"{name} must be a list of {kind.__name__}: it is {listed!r}")
    float(said.get("entropy_coefficient", 0))
    return tensors, said


def is_busy(status: int, reply: bytes | bytearray) -> bool:
    """Whether a sidecar has no room at the moment: the same request may be served soon."""
    try:
        error = read_object(reply)["error"] if status == 503 else {}
        return _checked(error, code=str)["code"] in _BUSY
    except (ValueError, KeyError):
        return False


def refusal(status: int, reply: bytes | bytearray) -> SidecarError | SidecarUnavailable:
    """What a status other than 200 means: a mistake in the request, or no sidecar that works."""
    try:
        error = _checked(read_object(reply)["error"], code=str, message=str)
    except (ValueError, KeyError):
        return SidecarUnavailable(f"hicra: the sidecar answers with {status}, {start_of(reply)}")
    if not 400 <= status < 500 or error["code"] in _NOTHING_SAID:
        return SidecarUnavailable(f"hicra: the sidecar failed: {error['message']}")
    return SidecarError(status, error["code"], f"hicra: {error['message']}")


def _checked(found: Any, **fields: type) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"it must be an object: it is a {type(found).__name__}")
    for name, kind in fields.items():
        if not isinstance(found.get(name), kind):
            raise ValueError(f"{name} must be {kind.__name__}: it is {found.get(name)!r}")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))
