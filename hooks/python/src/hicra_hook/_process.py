"""A sidecar that is started here: its folder, its process, what it says, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ._errors import SidecarUnavailable

BUNDLE = Path(__file__).with_name("sidecar.js")
START_SECONDS = 60
_END_SECONDS = 1
_SOCKET = "sidecar.sock"
_KEPT_BYTES = 2_000


class Process:
    """A sidecar on a socket in a folder of its own.

    It ends by `stop`, which is called once this object is gone, and when the interpreter ends; and
    with this process, however that ends.
    """

    def __init__(self) -> None:
        deno = find_deno()
        folder = _private_folder()
        self.path = os.path.join(folder, _SOCKET)
        command = [
            *(deno, "run", "--quiet", "--no-prompt", "--no-config", "--cached-only"),
            "--no-code-cache",
            *(f"--allow-net=unix:{self.path}", "--allow-sys=uid"),
            *(f"--allow-read={folder}", f"--allow-write={folder}"),
            *(str(BUNDLE), "serve", "--socket", self.path, "--log", "problems", "--with-stdin"),
        ]
        # Where no folder can be, Deno keeps its caches in memory, and nothing stays behind.
        nowhere = os.path.join(os.devnull, "deno")
        environment = {
            **os.environ,
            "DENO_DIR": nowhere,
            "DENO_NO_UPDATE_CHECK": "1",
            "NO_COLOR": "1",
        }
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # Ctrl-C is for the host, which may finish its step and save.
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise SidecarUnavailable(f"hicra: cannot start the sidecar: {error}") from error
        self.pid = self._popen.pid
        # Nothing of it refers to this object, which may go at any time.
        self.stop = weakref.finalize(self, _stop, self._popen, folder, os.getpid())
        self._said = bytearray()
        self._repeating = threading.Thread(
            target=_repeat, args=(self._popen.stderr, self._said), daemon=True
        )
        self._repeating.start()
        if not self._listens():
            how = f"it {self.end()}" if self.has_ended() else f"it is silent for {START_SECONDS} s"
            self.stop()
            raise SidecarUnavailable(
                f"hicra: cannot start the sidecar as {how}, run it by hand to see more: "
                f"{shlex.join(command)}"
            )

    def _listens(self) -> bool:
        assert self._popen.stdout is not None
        descriptor = self._popen.stdout.fileno()
        deadline = time.monotonic() + START_SECONDS
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(deadline - time.monotonic()):
                    return False
                said = os.read(descriptor, 4096)
                if said == b"":
                    return False
                line += said
        try:
            return json.loads(line)["event"] == "listening"
        except (ValueError, LookupError, TypeError):
            return False

    def code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._popen.poll()

    def has_ended(self) -> bool:
        """Whether its process is gone, once its connection is."""
        try:
            self._popen.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> str:
        """How it ended, and what it said last."""
        self._repeating.join(_END_SECONDS)
        said = self._said.decode(errors="replace").strip()
        return f"ended with code {self.code()}" + (f" and said {said!r}" if said else "")

    def leave_to_parent(self) -> None:
        """In a forked child: its end of the pipes must not keep the sidecar alive."""
        self.stop.detach()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()


def _stop(popen: subprocess.Popen[bytes], folder: str, owner: int) -> None:
    if os.getpid() != owner:
        return
    # It ends with its standard input, but something that was forked by others may hold that too.
    popen.terminate()
    for pipe in (popen.stdin, popen.stdout):
        if pipe is not None:
            pipe.close()
    try:
        popen.wait(10)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _repeat(pipe: IO[bytes], said: bytearray) -> None:
    """Says on our standard error what the sidecar says on its own, and keeps the end of it."""
    with pipe:
        while chunk := os.read(pipe.fileno(), 2**16):
            said += chunk
            del said[:-_KEPT_BYTES]
            with contextlib.suppress(OSError):
                os.write(2, chunk)


def _private_folder() -> str:
    """A new folder of mode 700 in which a socket can be, in the first place that has room for one."""
    refused = []
    for parent in _parents():
        try:
            return _folder_in(os.path.abspath(parent))
        except OSError as error:
            refused.append(f"{parent!r}: {error.strerror or error}")
    raise SidecarUnavailable(
        "hicra: cannot start the sidecar as a folder for temporary files must take a socket, set TMPDIR "
        f"to a short path without a comma: tried {'; '.join(refused)}"
    )


def _parents() -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield tempfile.gettempdir()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        yield runtime
    yield "/tmp"


def _folder_in(parent: str) -> str:
    if "," in parent or not parent.isprintable():
        raise OSError("Deno cannot be told of such a path")
    folder = tempfile.mkdtemp(prefix="hicra-", dir=parent)
    path = os.path.join(folder, _SOCKET)
    try:
        # Too long a path, and file systems without sockets, show here.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(path)
        os.remove(path)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def find_deno() -> str:
    """The path of Deno: that of its package, or the one on the PATH."""
    try:
        from deno import find_deno_bin

        return os.fspath(find_deno_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("deno")
        if found is None:
            raise SidecarUnavailable(
                "hicra: cannot start the sidecar as Deno must be installed: pip install deno"
            ) from None
        return found
