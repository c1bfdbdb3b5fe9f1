"""The client of the sidecar: starts one or connects to one, and speaks its wire. docs/wire.md specifies it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import numpy as np

from ._errors import SidecarError, SidecarUnavailable
from ._fields import array, renumbered, whole
from ._process import Process
from ._replies import is_busy, read_batch, read_health, read_object, refusal
from ._safetensors import decode, encode

__all__ = ["Sidecar", "SidecarError", "SidecarUnavailable", "decode", "encode"]

PROTOCOL = 1
SAFETENSORS = "application/vnd.safetensors"

_REPLY_BYTES = 2**24
_REPLY_RATIO = 16
"""No answer has more bytes than the first and so many times the request: advantages, mask, kinds and spans
are 18 bytes for each token, which takes 5 in the request; sums in JSON stay below the rest."""

_PAUSE_SECONDS = 1
"""How long a sidecar that is busy asks to be left alone, see Retry-After in docs/wire.md."""

_Read = TypeVar("_Read")


class Sidecar:
    """One sidecar, and one connection to it that is kept open.

    Without an address a sidecar is started. It ends by `close`, at the end of a `with` block, once nothing
    refers to this object any more, and with this process, however that ends. One that died is started
    again, and what it was asked is asked once more. With an address, `/run/hicra/a.sock` or
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
        _check_way(address, self._token)
        self._address = address
        self._own: Process | None = None
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
        return self._ask("GET", "/v1/health", read_health)

    def put_tokenizer(self, body: bytes, *, vocab_size: int | None = None) -> str:
        """Hands over a `tokenizer.json`, and returns the digest that requests name it by."""
        headers = {} if vocab_size is None else {"x-vocab-size": str(vocab_size)}
        return self._put("tokenizer", [body], "application/json", headers)

    def put_token_table(self, offsets: np.ndarray, table: np.ndarray) -> str:
        """Hands over the bytes of all tokens: token i is `table[offsets[i]:offsets[i + 1]]`."""
        body = encode({"offsets": whole("offsets", offsets), "bytes": whole("bytes", table)}, {})
        return self._put("tokenizer", body)

    def put_lexicon(self, body: bytes, *, name: str) -> str:
        """Hands over a lexicon, in JSON or one gram a line, and returns its digest."""
        headers = {"x-lexicon-name": quote(name, safe="", errors="replace")}
        return self._put("lexicon", [body], "text/plain", headers)

    def mask(
        self, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Token ids to planning mask."""
        return self._of_batch("mask", tensors, metadata, ["planning_mask"], ["metrics"])

    def transform(
        self, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Advantages to advantages."""
        outputs, needed = ["advantages", "planning_mask"], ["metrics", "transforms"]
        return self._of_batch("transform", tensors, metadata, outputs, needed)

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

        def read(reply: bytearray) -> dict[str, Any]:
            return read_object(reply, values=dict, sums=dict)

        return self._ask("POST", "/v1/metrics", read, encode(tensors, metadata))

    def close(self) -> None:
        """Closes the connection, and stops the sidecar if it was started here."""
        with self._lock:
            self._drop()
            if self._own is not None:
                self._forget().stop()

    def __enter__(self) -> Sidecar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(
        self,
        what: str,
        body: list[Any],
        media: str = SAFETENSORS,
        headers: Mapping[str, str] = {},
    ) -> str:
        def read(reply: bytearray) -> str:
            return read_object(reply, **{what: str})[what]

        return self._ask("POST", f"/v1/{what}", read, body, media, headers)

    def _of_batch(
        self,
        operation: str,
        tensors: Mapping[str, np.ndarray],
        metadata: Mapping[str, str],
        outputs: list[str],
        needed: list[str],
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        def read(reply: bytearray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
            asked = json.loads(metadata["outputs"]) if "outputs" in metadata else outputs
            return read_batch(reply, asked, len(tensors["loss_mask"]), needed)

        return self._ask("POST", f"/v1/{operation}", read, encode(tensors, metadata))

    def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[bytearray], _Read],
        body: list[Any] | None = None,
        media: str = SAFETENSORS,
        headers: Mapping[str, str] = {},
    ) -> _Read:
        """Asks, and reads the answer. A sidecar of our own that ended meanwhile is started again once."""
        sent = {**headers, "content-type": media} if method == "POST" else dict(headers)
        with self._lock:
            try:
                status, reply = self._attempt(method, path, body, sent)
            except SidecarUnavailable:
                if self._own is None or not self._own.has_ended():
                    raise
                status, reply = self._attempt(method, path, body, sent)
            end = time.monotonic() + self.timeout
            while is_busy(status, reply) and time.monotonic() < end:
                time.sleep(_PAUSE_SECONDS)
                status, reply = self._attempt(method, path, body, sent)
        if status != 200:
            raise refusal(status, reply)
        return self._read(read, reply)

    def _attempt(
        self, method: str, path: str, body: list[Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, bytearray]:
        if self._own is not None and self._own.code() is not None:
            warnings.warn(
                f"hicra: the sidecar ended with code {self._own.code()}, another is started",
                RuntimeWarning,
                stacklevel=4,
            )
            self._drop()
            self._forget().stop()
        if self._address is None:
            self._own = Process()
            self._address = self._own.path
        sent = dict(headers)
        if self._token is not None:
            sent["authorization"] = f"Bearer {self._token}"
        if self._health is None and path != "/v1/health":
            status, reply = self._exchange("GET", "/v1/health", None, sent)
            if status != 200:
                raise refusal(status, reply)
            self._check(self._read(read_health, reply))
        if body is not None:
            size = sum(memoryview(part).nbytes for part in body)
            self._check_size(size)
            sent["content-length"] = str(size)
        return self._exchange(method, path, body, sent)

    def _read(self, read: Callable[[bytearray], _Read], reply: bytearray) -> _Read:
        try:
            return read(reply)
        except ValueError as error:
            raise SidecarUnavailable(
                f"hicra: what answers at {self._address} speaks another protocol: {error}"
            ) from error

    def _exchange(
        self, method: str, path: str, body: list[Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, bytearray]:
        reused = self._connection is not None
        if self._connection is None:
            self._connection = _connect(self._address or "", self.timeout)
        try:
            # One that refuses early may close before all is sent; its answer tells why.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._connection.request(method, path, body=body, headers=dict(headers))
            response = self._connection.getresponse()
            limit = _REPLY_BYTES + _REPLY_RATIO * int(headers.get("content-length", 0))
            reply = bytearray(_length(response, limit))
            view = memoryview(reply)
            done = 0
            while done < len(reply):
                got = response.readinto(view[done:])
                if got == 0:
                    raise http.client.HTTPException(
                        f"its answer breaks off after {done} of {len(reply)} bytes"
                    )
                done += got
            if response.will_close:
                self._drop()
            else:
                response.close()
            return response.status, reply
        except BaseException as error:
            # Whatever happened, what is left on this connection answers no other request.
            self._drop()
            # A connection kept open may have been closed by the other side meanwhile. Requests depend on
            # nothing but their content, so sending one again is safe; a fresh connection is not retried.
            if reused and isinstance(error, ConnectionError):
                return self._exchange(method, path, body, headers)
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise self._unavailable(error) from error
            raise

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
        own = self._own
        ended = f", its process {own.end()}" if own is not None and own.has_ended() else ""
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

    def _forget(self) -> Process:
        own, self._own = self._own, None
        self._address = self._health = None
        assert own is not None
        return own


_alive: weakref.WeakSet[Sidecar] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for sidecar in _alive:
        sidecar._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)


def _length(response: http.client.HTTPResponse, limit: int) -> int:
    """How long an answer is, as it says."""
    text = response.headers.get("content-length", "")
    if response.chunked or not (text.isascii() and text.isdigit()):
        raise http.client.HTTPException(f"its answer must say its length: it says {text!r}")
    # A number of many more digits would take long to read.
    if len(text) > len(str(limit)) or int(text) > limit:
        raise http.client.HTTPException(
            f"its answer must have at most {limit} bytes: it announces {text[:20]}"
        )
    return int(text)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _check_way(address: str | None, token: str | None) -> None:
    """Raises for what no sidecar can be reached with; the token is a secret, and not repeated."""
    if address is not None and "://" in address and not _is_http(address):
        raise ValueError(
            "Cannot use a sidecar as its address must be the path of a socket or "
            f"http://127.0.0.1:PORT: current value is {address!r}"
        )
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ValueError(
            "Cannot use a sidecar as its token must be printable ASCII: current value is not, does a line "
            "end belong to it"
        )


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme == "http" and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        return False


def _connect(address: str, timeout: float) -> http.client.HTTPConnection:
    if "://" not in address:
        return _UnixConnection(address, timeout)
    parts = urlsplit(address)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
