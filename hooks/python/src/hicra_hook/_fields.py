"""Fields of a batch, from whatever a loop holds: exactly as they are, or not at all."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

NO_GROUP = -1
"""The id of a row whose group is not known."""

Place = Callable[[int], str]
"""How an element of a flat array is called where the loop has it, such as "[3, 17]"."""


@dataclass(frozen=True)
class _Whole:
    """A field of integers: how it travels, what it may hold, and what to do where it holds else."""

    dtype: str
    kinds: str
    low: int
    high: int
    rule: str
    way_out: str


_LAST = 2**31 - 1
_UNIT = _Whole("u1", "biuf", 0, 1, "a mask holds only 0 and 1", "compare before, as in mask > 0")
_WAY_OUT = "number them with group_ids of hicra_hook.hook"
WHOLE = {
    "offsets": _Whole("<i4", "iu", 0, _LAST, f"they must be 0 to {_LAST}", "send fewer tokens"),
    "token_ids": _Whole(
        "<i4", "iu", -_LAST - 1, _LAST, "they must fit 32 bits", "send ids of the tokenizer"
    ),
    "bytes": _Whole("u1", "biu", 0, 255, "bytes are 0 to 255", "send what tokens spell"),
    "loss_mask": _UNIT,
    "planning_mask": _UNIT,
    "flags": _Whole(
        "u1", "biuf", 0, 7, "they are sums of the bits 1, 2 and 4", "send these bits alone"
    ),
    # Only equality counts, so any 64 bits do: where some do not fit 32, all are numbered anew.
    "group_ids": _Whole("<i4", "biu", NO_GROUP, _LAST, "they must fit 64 bits", _WAY_OUT),
    "segment_ids": _Whole("<i4", "biu", -_LAST - 1, _LAST, "they must fit 64 bits", _WAY_OUT),
}
"""Fields of integers."""

IDS = ("group_ids", "segment_ids")
FLOATS = ("advantages", "rewards", "old_logprobs", "entropies")
PER_TOKEN = ("old_logprobs", "entropies", "segment_ids", "planning_mask")
PER_SEQUENCE = ("rewards", "group_ids", "flags")


def array(field: str, values: Any) -> np.ndarray:
    """A numpy array of a tensor, an array or a list, with elements of a kind that the field allows.

    Nothing is copied where that is not needed.
    """
    is_list = isinstance(values, (list, tuple))
    if hasattr(values, "detach"):
        tensor = values.detach()
        # numpy has no bfloat16; float32 holds every value of it.
        is_bfloat16 = "bfloat16" in str(tensor.dtype)
        values = (tensor.float() if is_bfloat16 else tensor).cpu().numpy()
    found = np.asarray(values)
    if field in FLOATS:
        return _real_numbers(field, found)
    if found.size == 0:
        return found.astype(WHOLE[field].dtype)
    if is_list and found.dtype.kind == "f" and "f" not in WHOLE[field].kinds:
        # numpy makes floats of [0, 2**64 - 1] too.
        found = np.asarray(values, object)
    if found.dtype.kind == "O":
        return _integers(field, found)
    if found.dtype.kind not in WHOLE[field].kinds:
        has_fraction = found.dtype.kind == "f" and (found != np.floor(found))
        raise _not("integers", field, found, int(np.argmax(has_fraction)))
    return found


def whole(field: str, values: Any, place: Place | None = None) -> np.ndarray:
    """The integers of a field as they travel; a value that the field cannot hold raises.

    Ids of groups and segments may be any integers of 64 bits. Those that do not fit 32 are numbered
    anew, in the order in which they first appear, for this one request. `place` says where the loop has
    an element, where that is not its index.
    """
    rule, found = WHOLE[field], array(field, values)
    if fits(field, found):
        return found.astype(rule.dtype, copy=False)
    low, high = (-(2**63), 2**64 - 1) if field in IDS else (rule.low, rule.high)
    broken = _broken(found, low, high)
    if not broken.any():
        return renumbered(field, found)[0]
    index = int(np.argmax(broken))
    raise ValueError(
        f"Cannot send {field} as {rule.rule}: {field}{(place or _index(found))(index)} is "
        f"{found.flat[index]}, {rule.way_out}"
    )


def fits(field: str, values: np.ndarray) -> bool:
    """Whether the values may travel as they are; what the dtype proves is not looked at."""
    rule, dtype = WHOLE[field], values.dtype
    if values.size == 0 or dtype.kind == "b":
        return True
    if dtype.kind not in "iu":
        return not _broken(values, rule.low, rule.high).any()
    proven = np.iinfo(dtype)
    return (rule.low <= proven.min or rule.low <= values.min()) and (
        proven.max <= rule.high or values.max() <= rule.high
    )


def renumbered(field: str, ids: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Numbers from 0 in the order in which ids first appear, and the ids in that order."""
    flat = ids.reshape(-1)
    # One id is looked at of every run of equal ones: tokens of a segment stand together.
    is_start = np.ones(flat.size, bool)
    is_start[1:] = flat[1:] != flat[:-1]
    starts = np.flatnonzero(is_start)
    runs = flat[starts]
    is_known = runs != NO_GROUP if field == "group_ids" else np.ones(len(runs), bool)
    unique, first, inverse = np.unique(runs[is_known], return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), "<i4")
    number[order] = np.arange(len(order))
    numbers = np.full(len(runs), NO_GROUP, "<i4")
    numbers[is_known] = number[inverse]
    lengths = np.diff(np.append(starts, flat.size))
    return np.repeat(numbers, lengths).reshape(ids.shape), [int(each) for each in unique[order]]


def _broken(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Where a value is no integer between the two, both included."""
    inside = (values >= low) & (values <= high)
    return ~(inside & (values == np.floor(values)) if values.dtype.kind == "f" else inside)


def _real_numbers(field: str, found: np.ndarray) -> np.ndarray:
    if found.dtype.kind == "O":
        # None is NaN, as null is in JSON for what was not measured.
        broken = [not (each is None or isinstance(each, Real)) for each in found.flat]
        if not any(broken):
            return found.astype("<f4")
        raise _not("real numbers", field, found, broken.index(True))
    if found.dtype.kind not in "biuf" and found.size > 0:
        raise _not("real numbers", field, found, 0)
    return found


def _integers(field: str, found: np.ndarray) -> np.ndarray:
    """Objects that are integers as those of Python, which have any number of bits."""
    converted = np.empty(found.size, object)
    for index, each in enumerate(found.flat):
        try:
            converted[index] = operator.index(each)
        except TypeError:
            raise _not("integers", field, found, index) from None
    return converted.reshape(found.shape)


def _not(what: str, field: str, found: np.ndarray, index: int) -> TypeError:
    each = found.flat[index]
    value = each.item() if isinstance(each, np.generic) else each
    return TypeError(
        f"Cannot send {field} as they must be {what}: {field}{_index(found)(index)} is {value!r} of "
        f"{found.dtype}, convert them where they are made"
    )


def _index(values: np.ndarray) -> Place:
    def place(index: int) -> str:
        return str([int(each) for each in np.unravel_index(index, values.shape)])

    return place
