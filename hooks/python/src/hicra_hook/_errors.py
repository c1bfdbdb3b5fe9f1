"""What a sidecar's client raises."""

from __future__ import annotations


class SidecarError(RuntimeError):
    """The sidecar refused a request: what is wrong with it stands in the message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def __reduce__(self) -> tuple[type[SidecarError], tuple[int, str, str]]:
        # Hosts carry errors between processes.
        return type(self), (self.status, self.code, str(self))


class SidecarUnavailable(RuntimeError):
    """There is no sidecar, it does not answer as one does, or it failed on its own account."""
