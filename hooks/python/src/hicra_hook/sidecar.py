"""The client of the sidecar: starts one or connects to one, and speaks its wire. docs/wire.md specifies it."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ._fields import array, renumbered, whole

PROTOCOL = 1
SAFETENSORS = "application/vnd.safetensors"
BUNDLE = Path(__file__).with_name("sidecar.js")
START_SECONDS = 60

_DTYPES: dict[str, np.dtype[Any]] = {
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()} | {np.dtype(bool): "U8"}


class SidecarError(RuntimeError):
    """The sidecar refused a request: what is wrong with it stands in the message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class SidecarUnavailable(RuntimeError):
    """There is no sidecar, it does not answer, or it failed on its own account."""


class Sidecar:
    """One sidecar, and one connection to it that is kept open.

    Without an address a sidecar is started, which ends with this process, however that ends; one that
    died is started again with the next request. With an address, `/run/hicra/a.sock` or
    `http://127.0.0.1:8000`, a running `hicra serve` is used; over TCP the token is HICRA_TOKEN.

    It may be used by many threads, after a fork, and after pickling: a forked child opens a
    connection of its own, and a copy in another process of a sidecar that was started starts its own.
    A token is not pickled.
    """

    def __init__(
        self, address: str | None = None, *, token: str | None = None, timeout: float = 120
    ) -> None:
        self.timeout = timeout
        self._given = address
        self._token = token or os.environ.get("HICRA_TOKEN")
        self._address = address
        self._own: _Process | None = None
        self._health: dict[str, Any] | None = None
        self._open()

    def _open(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.RLock()
        _alive.add(self)

    def _after_fork(self) -> None:
        # The connection is the parent's and its lock may be held; the process is the parent's too.
        self._open()
        if self._own is not None:
            self._own.leave_to_parent()
            self._own = None

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self._given, "timeout": self.timeout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def health(self) -> dict[str, Any]:
        """Versions, limits, and what the sidecar has at hand."""
        return json.loads(self._request("GET", "/v1/health"))

    def put_tokenizer(self, body: bytes, *, vocab_size: int | None = None) -> str:
        """Hands over a `tokenizer.json`, and returns the digest that requests name it by."""
        headers = {} if vocab_size is None else {"x-vocab-size": str(vocab_size)}
        reply = self._request("POST", "/v1/tokenizer", [body], "application/json", headers)
        return json.loads(reply)["tokenizer"]

    def put_token_table(self, offsets: np.ndarray, table: np.ndarray) -> str:
        """Hands over the bytes of all tokens: token i is `table[offsets[i]:offsets[i + 1]]`."""
        body = encode({"offsets": whole("offsets", offsets), "bytes": whole("bytes", table)}, {})
        return json.loads(self._request("POST", "/v1/tokenizer", body))["tokenizer"]

    def put_lexicon(self, body: bytes, *, name: str) -> str:
        """Hands over a lexicon, in JSON or one gram a line, and returns its digest."""
        headers = {"x-lexicon-name": name}
        return json.loads(self._request("POST", "/v1/lexicon", [body], "text/plain", headers))[
            "lexicon"
        ]

    def mask(
        self, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Token ids to planning mask."""
        return decode(self._request("POST", "/v1/mask", encode(tensors, metadata)))

    def transform(
        self, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Advantages to advantages."""
        return decode(self._request("POST", "/v1/transform", encode(tensors, metadata)))

    def metrics(
        self, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
    ) -> dict[str, Any]:
        """Metrics of a batch: named values, and the sums that merge.

        Under a `group_scope` ranks and batches join their groups by `group_names`; without them by
        `group_ids`, any integers of 64 bits, which must then be the same everywhere.
        """
        if "group_scope" in metadata and "group_names" not in metadata and "group_ids" in tensors:
            ids, names = renumbered("group_ids", array("group_ids", tensors["group_ids"]))
            tensors = {**tensors, "group_ids": ids}
            metadata = {**metadata, "group_names": json.dumps([str(name) for name in names])}
        return json.loads(self._request("POST", "/v1/metrics", encode(tensors, metadata)))

    def close(self) -> None:
        """Closes the connection, and stops the sidecar if it was started here."""
        with self._lock:
            self._drop()
            if self._own is not None:
                self._forget().stop()

    def _request(
        self,
        method: str,
        path: str,
        body: list[Any] | None = None,
        media: str = SAFETENSORS,
        headers: Mapping[str, str] = {},
    ) -> bytearray:
        with self._lock:
            if self._own is not None and self._own.code() is not None:
                warnings.warn(
                    f"hicra: the sidecar ended with code {self._own.code()}, another is started",
                    RuntimeWarning,
                    stacklevel=2,
                )
                self._drop()
                self._forget().stop()
            if self._address is None:
                self._own = _Process()
                self._address = self._own.path
            if self._health is None and path != "/v1/health":
                self._check(self.health())
            sent = {**headers, "content-type": media} if method == "POST" else dict(headers)
            if body is not None:
                size = sum(memoryview(part).nbytes for part in body)
                self._check_size(size)
                sent["content-length"] = str(size)
            if self._token is not None:
                sent["authorization"] = f"Bearer {self._token}"
            status, reply = self._exchange(method, path, body, sent)
        if status < 400:
            return reply
        error = json.loads(reply)["error"]
        if status >= 500:
            raise SidecarUnavailable(f"hicra: the sidecar failed: {error['message']}")
        raise SidecarError(status, error["code"], f"hicra: {error['message']}")

    def _exchange(
        self, method: str, path: str, body: list[Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, bytearray]:
        reused = self._connection is not None
        if self._connection is None:
            self._connection = _connect(self._address or "", self.timeout)
        try:
            self._connection.request(method, path, body=body, headers=dict(headers))
            response = self._connection.getresponse()
            reply = bytearray(int(response.headers["content-length"]))
            view = memoryview(reply)
            done = 0
            while done < len(reply):
                got = response.readinto(view[done:])
                if got == 0:
                    raise http.client.IncompleteRead(bytes(view[:done]), len(reply) - done)
                done += got
            if response.will_close:
                self._drop()
            else:
                response.close()
            return response.status, reply
        except (ConnectionError, http.client.HTTPException) as error:
            self._drop()
            # A connection kept open may have been closed by the other side meanwhile. Requests depend on
            # nothing but their content, so sending one again is safe; a fresh connection is not retried.
            if reused and not isinstance(error, http.client.IncompleteRead):
                return self._exchange(method, path, body, headers)
            raise self._unavailable(error) from error
        except OSError as error:
            self._drop()
            raise self._unavailable(error) from error

    def _check_size(self, size: int) -> None:
        limit = (self._health or {}).get("limits", {}).get("max_body_bytes", size)
        if size > limit:
            raise SidecarError(
                413,
                "body_too_large",
                f"hicra: cannot send the batch as the sidecar takes at most {limit} bytes: current size "
                f"is {size}, send it in parts or start the sidecar with a higher --max-body",
            )

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unavailable(self, error: Exception) -> SidecarUnavailable:
        code = None if self._own is None else self._own.code()
        ended = "" if code is None else f", its process ended with code {code}"
        return SidecarUnavailable(
            f"hicra: the sidecar at {self._address} does not answer{ended}: "
            f"{type(error).__name__}: {error}"
        )

    def _check(self, health: dict[str, Any]) -> None:
        if health["protocol"] != PROTOCOL:
            raise SidecarUnavailable(
                f"hicra: cannot use the sidecar at {self._address} as its protocol must be {PROTOCOL}: "
                f"current protocol is {health['protocol']} (version {health['version']}), "
                "install the same version on both sides"
            )
        self._health = health

    @property
    def pid(self) -> int | None:
        """Process id of the sidecar that was started here; None if none was."""
        return None if self._own is None else self._own.pid

    @property
    def metric_names(self) -> list[str]:
        """Names of all metrics, in their order: the same for every batch."""
        if self._health is None:
            self._check(self.health())
        assert self._health is not None
        return self._health["metrics"]

    def _forget(self) -> _Process:
        own, self._own = self._own, None
        self._address = self._health = None
        assert own is not None
        return own


class _Process:
    """A sidecar that was started here, on a socket in a folder of its own."""

    def __init__(self) -> None:
        # Made with mode 700, and short: the path of a socket has at most 107 bytes.
        self._folder = tempfile.mkdtemp(prefix="hicra-")
        self.path = os.path.join(self._folder, "sidecar.sock")
        command = [
            *(_find_deno(), "run", "--quiet", "--no-prompt", "--no-config", "--cached-only"),
            "--no-code-cache",
            *(f"--allow-net=unix:{self.path}", "--allow-sys=uid"),
            *(f"--allow-read={self._folder}", f"--allow-write={self._folder}"),
            *(str(BUNDLE), "serve", "--socket", self.path, "--log", "problems", "--with-stdin"),
        ]
        # Where no folder can be, Deno keeps its caches in memory, and nothing stays behind.
        nowhere = os.path.join(os.devnull, "deno")
        environment = {**os.environ, "DENO_DIR": nowhere, "DENO_NO_UPDATE_CHECK": "1"}
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            # Ctrl-C is for the host, which may finish its step and save.
            start_new_session=True,
        )
        self.pid = self._popen.pid
        atexit.register(self.stop)
        if not self._said_that_it_listens():
            self.stop()
            raise SidecarUnavailable(
                "hicra: cannot start the sidecar as it must say that it listens within "
                f"{START_SECONDS} s: it has not, run it by hand to see why: {' '.join(command)}"
            )

    def _said_that_it_listens(self) -> bool:
        assert self._popen.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            return bool(selector.select(START_SECONDS) and self._popen.stdout.readline())

    def code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._popen.poll()

    def leave_to_parent(self) -> None:
        """In a forked child: its end of the pipe must not keep the sidecar alive."""
        atexit.unregister(self.stop)
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self) -> None:
        atexit.unregister(self.stop)
        # It ends with its standard input, but something that was forked by others may hold that too.
        self._popen.terminate()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


_alive: weakref.WeakSet[Sidecar] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for sidecar in _alive:
        sidecar._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)


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
    """Tensors, as views of the reply, and the metadata."""
    data = memoryview(reply)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(bytes(data[8 : 8 + size]))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, info in header.items():
        start, end = info["data_offsets"]
        raw = data[8 + size + start : 8 + size + end]
        tensors[name] = np.frombuffer(raw, _DTYPES[info["dtype"]]).reshape(info["shape"])
    return tensors, metadata


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(address: str, timeout: float) -> http.client.HTTPConnection:
    if "://" not in address:
        return _UnixConnection(address, timeout)
    if not address.startswith("http://"):
        raise SidecarUnavailable(
            "hicra: cannot connect as the address must be the path of a socket or http://127.0.0.1:PORT: "
            f"current value is {address}"
        )
    parts = urlsplit(address)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _find_deno() -> str:
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
