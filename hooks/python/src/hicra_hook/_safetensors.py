"""Safetensors: what travels between a loop and the sidecar."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_DTYPES: dict[str, np.dtype[Any]] = {
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()} | {np.dtype(bool): "U8"}


def encode(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> list[Any]:
    """Safetensors in parts that are sent one after the other, without joining them in memory."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    # By falling size of their elements every tensor starts at a multiple of it.
    ordered = sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize)
    parts: list[Any] = []
    end = 0
    for name, tensor in ordered:
        if tensor.dtype not in _NAMES:
            raise TypeError(
                f"Cannot send {name} as its dtype must be one of {', '.join(_DTYPES)}: "
                f"current dtype is {tensor.dtype}"
            )
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
        if tensor.nbytes > 0:
            parts.append(np.ascontiguousarray(tensor).data.cast("B"))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little") + text, *parts]


def decode(reply: bytes | bytearray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors, as views of the reply, and the metadata; what is no safetensors is a ValueError."""
    data = memoryview(reply)
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 + size:
        raise ValueError(f"a header of {size} bytes does not fit {len(data)} bytes")
    header = read_json(bytes(data[8 : 8 + size]))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(text, str) for text in metadata.values()
    ):
        raise ValueError("__metadata__ does not map text to text")
    return {name: _tensor(name, info, data[8 + size :]) for name, info in header.items()}, metadata


def _tensor(name: str, info: Any, data: memoryview) -> np.ndarray:
    try:
        dtype, shape, (start, end) = _DTYPES[info["dtype"]], info["shape"], info["data_offsets"]
        is_whole = all(type(size) is int and size >= 0 for size in (*shape, start, end))
    except (LookupError, TypeError, ValueError):
        is_whole = False
    if not is_whole or end > len(data) or end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"tensor {name} is not described by {info}, of {len(data)} bytes of data")
    return np.frombuffer(data[start:end], dtype).reshape(shape)


def read_json(text: bytes | bytearray | str) -> Any:
    """What JSON says; text that is none, or nested too deep, is a ValueError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"no JSON: it begins {start_of(text)}") from None


def start_of(text: bytes | bytearray | str) -> str:
    """How a text begins, to be shown."""
    start = text[:200]
    return repr(bytes(start) if isinstance(start, bytearray) else start)
