"""Batches that are lists of rows: flat arrays for the hook, and rows again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def offsets(lengths: Sequence[int]) -> np.ndarray:
    """Where rows of these lengths begin, and where the last of them ends."""
    return np.cumsum([0, *lengths])


def joined(rows: Iterable[Any], dtype: Any = None) -> np.ndarray:
    """All rows, one after the other; without a dtype, of the one that holds what they hold."""
    arrays = [np.asarray(row, dtype) for row in rows]
    # To numpy an empty list is one of floats.
    return np.concatenate([array for array in arrays if array.size > 0] or arrays)


def cut(values: np.ndarray, lengths: Sequence[int]) -> list[np.ndarray]:
    """The rows that were joined."""
    return np.split(values, np.cumsum(lengths)[:-1])


def with_all_digits(credited: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Credited advantages in the host's float64: what HICRA leaves alone keeps every digit."""
    return np.where(credited != base.astype("f4"), credited, base)
