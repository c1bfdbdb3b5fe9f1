"""One sidecar for all tests that need none of their own. It ends with the process of the tests."""

from __future__ import annotations

from functools import cache

from hicra_hook import Sidecar


@cache
def _sidecar() -> Sidecar:
    sidecar = Sidecar()
    sidecar.health()
    return sidecar


def address() -> str:
    """Its socket."""
    return _sidecar()._address
