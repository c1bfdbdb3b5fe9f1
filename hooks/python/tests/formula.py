"""HICRA as the paper has it: what every test expects of the sidecar, bit for bit."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def credited(advantages: Any, planning: Any, alpha: float) -> Any:
    """`A + alpha * |A|` where planning, in float64 and rounded once; a tensor, if given one."""
    base = np.asarray(advantages, "f4")
    wide = base.astype("f8")
    found = np.where(np.asarray(planning) == 1, (wide + alpha * np.abs(wide)).astype("f4"), base)
    return sys.modules["torch"].from_numpy(found) if hasattr(advantages, "detach") else found
