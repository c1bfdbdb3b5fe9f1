"""HICRA for Python training loops. All logic is in the sidecar, which is TypeScript; here arrays move."""

from .hook import Hook, Result
from .sidecar import Sidecar, SidecarError, SidecarUnavailable

__all__ = ["Hook", "Result", "Sidecar", "SidecarError", "SidecarUnavailable"]
__version__ = "0.1.0"
