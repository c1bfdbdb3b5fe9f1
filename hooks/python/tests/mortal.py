"""The end of a sidecar, for tests of what happens then."""

import os
import signal

from hicra_hook import Sidecar


def kill(sidecar: Sidecar) -> None:
    """Kills the sidecar that was started here, and waits until it is gone."""
    os.kill(sidecar.pid, signal.SIGKILL)
    sidecar._own._popen.wait()


def end_for_good(sidecar: Sidecar) -> None:
    """The same, and none is started in its place, as if somebody else had started this one."""
    kill(sidecar)
    sidecar._own = None
