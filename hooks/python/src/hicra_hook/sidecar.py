"""The client of the sidecar: starts one or connects to one, and speaks its wire. docs/wire.md specifies it."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

PROTOCOL = 1
SAFETENSORS = "application/vnd.safetensors"
BUNDLE = Path(__file__).with_name("sidecar.js")
START_SECONDS = 60

_DTYPES = {
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

    Without an address a sidecar is started, which ends with this process, however that ends. With
    one, `/run/a.sock` or `http://127.0.0.1:8000`, a running `hicra serve` is used.

    It may be used by many threads, after a fork, and after pickling: a process opens its own
    connection, and a copy in another process of a sidecar that was started starts its own.
    """

    def __init__(
        self, address: str | None = None, *, token: str | None = None, timeout: float = 120
    ) -> None:
        self.timeout = timeout
        self._given = (address, token)
        self._reset()

    def _reset(self) -> None:
        self._address, self._token = self._given
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._health: dict[str, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"timeout": self.timeout, "_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()

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
        body = encode({"offsets": offsets.astype("<i4"), "bytes": table.astype("u1")}, {})
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
        """Metrics of a batch: named values, and the sums that merge."""
        return json.loads(self._request("POST", "/v1/metrics", encode(tensors, metadata)))

    def close(self) -> None:
        """Closes the connection, and stops the sidecar if it was started here."""
        if self._pid != os.getpid():
            return
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._process is not None:
                _stop(self._process)
                self._process = None
                self._address = None

    def _request(
        self,
        method: str,
        path: str,
        body: list[Any] | None = None,
        media: str = SAFETENSORS,
        headers: Mapping[str, str] = {},
    ) -> bytearray:
        if self._pid != os.getpid():
            # Forked: the socket is the parent's, its lock may be held, and the child lives on its own.
            address, token = self._address, self._token
            self._reset()
            self._address, self._token = address, token
        with self._lock:
            if self._address is None:
                self._start()
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
        code = None if self._process is None else self._process.poll()
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
    def metric_names(self) -> list[str]:
        """Names of all metrics, in their order: the same for every batch."""
        if self._health is None:
            self._check(self.health())
        assert self._health is not None
        return self._health["metrics"]

    def _start(self) -> None:
        # Made with mode 700, and short: the path of a socket has at most 107 bytes.
        folder = tempfile.mkdtemp(prefix="hicra-")
        path = os.path.join(folder, "sidecar.sock")
        command = [
            *(_find_deno(), "run", "--quiet", "--no-prompt", "--no-config", "--cached-only"),
            *(f"--allow-net=unix:{path}", f"--allow-read={folder}", f"--allow-write={folder}"),
            *(str(BUNDLE), "serve", "--socket", path, "--log", "problems", "--with-stdin"),
        ]
        environment = {**os.environ, "DENO_DIR": folder, "DENO_NO_UPDATE_CHECK": "1"}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._process = process
        atexit.register(_stop, process, folder, os.getpid())
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if ready else b""
        if not line:
            _stop(process, folder)
            self._process = None
            raise SidecarUnavailable(
                f"hicra: cannot start the sidecar as it did not say that it listens: "
                f"{' '.join(command)}"
            )
        self._address = path


def encode(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> list[Any]:
    """Safetensors in parts that are sent one after the other, without joining them in memory."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    # By falling size of their elements every tensor starts at a multiple of it.
    arrays = sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize)
    parts: list[Any] = []
    end = 0
    for name, array in arrays:
        if array.dtype not in _NAMES:
            raise TypeError(
                f"Cannot send {name} as its dtype must be one of {', '.join(_DTYPES)}: "
                f"current dtype is {array.dtype}"
            )
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
        if array.nbytes > 0:
            parts.append(memoryview(np.ascontiguousarray(array)).cast("B"))
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
    if not address.startswith("http://"):
        return _UnixConnection(address, timeout)
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


def _stop(process: subprocess.Popen[bytes], folder: str | None = None, owner: int = 0) -> None:
    if owner and owner != os.getpid():
        return
    # The sidecar ends when its standard input does.
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
