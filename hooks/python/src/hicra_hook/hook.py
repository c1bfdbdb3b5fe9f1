"""One run's configuration bound to a sidecar: what the adapters use, and any loop of your own."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ._fields import FLOATS, PER_SEQUENCE, PER_TOKEN, WHOLE, array, fits, whole
from .sidecar import Sidecar, SidecarError, SidecarUnavailable

OPTIONS: dict[str, Callable[[str], Any]] = {
    "alpha": float,
    "transforms": json.loads,
    "lexicon": str,
    "on_failure": str,
    "socket": str,
    "vocab_size": int,
    "correct_above": float,
}
"""Options of a hook, and how each is read from the environment, as HICRA_ALPHA and so on."""
TRUNCATED, PADDING_ROW, EXCLUDE_FROM_METRICS = 1, 2, 4
"""Bits of `flags`."""


@dataclass
class Result:
    """What became of a batch."""

    advantages: Any
    """Float32, freshly allocated; off the planning mask bit-equal to the host's."""
    planning_mask: Any
    """Uint8, 1 on planning tokens."""
    metrics: dict[str, tuple[float, float]]
    """(sum, count) by name, every name in every batch: add both over ranks, then divide."""
    failures: int = 0
    """Batches passed through unchanged so far, this one included."""
    empty_batches: int = 0
    """Batches so far that had trained tokens and no planning token among them, this one included."""
    latency_ms: float = 0.0
    entropy_coefficient: float | None = None
    """Weight of an entropy bonus that the loss must add, where a transform asks for it."""
    provenance: dict[str, str] = field(default_factory=dict)
    """Digests of tokenizer and lexicon."""

    def values(self, prefix: str = "") -> dict[str, float]:
        """The metrics that were measured, as numbers to log."""
        logged = averages(self.metrics)
        logged["hicra/failures"] = float(self.failures)
        logged["hicra/empty_batches"] = float(self.empty_batches)
        logged["hicra/latency_ms"] = self.latency_ms
        return {prefix + name: value for name, value in logged.items()}


def averages(pairs: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Sum over count of every metric that was measured."""
    return {name: total / count for name, (total, count) in pairs.items() if count > 0}


class Hook:
    """Marks planning tokens and transforms advantages, once per batch, after the host's estimator.

    `tokenizer` is a fast Hugging Face tokenizer, the path of a `tokenizer.json` or of its folder, or
    `(offsets, bytes)` of all tokens. `vocab_size` is the model's, where its embedding has more rows than the
    tokenizer has tokens. `lexicon` is "math", "paper", or the path of a lexicon (.txt, .json). A rollout
    counts as correct where its reward is above `correct_above`. `transforms` is a
    list such as `[{"name": "hicra", "alpha": 0.2}]`, which is also the default. `on_failure` says what
    happens when the sidecar is gone: "raise", or "pass-through", which counts in `failures` and leaves the
    batch as it was: a run whose failures are not 0 is not a HICRA run.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        alpha: float | None = None,
        transforms: Sequence[dict[str, Any]] | None = None,
        lexicon: str = "math",
        on_failure: Literal["raise", "pass-through"] = "raise",
        vocab_size: int | None = None,
        correct_above: float = 0,
        socket: str | None = None,
        host: str = "",
    ) -> None:
        if alpha is not None and transforms is not None:
            raise ValueError(
                "Cannot create a hook as alpha and transforms exclude each other: "
                'write alpha into the transform, {"name": "hicra", "alpha": ...}'
            )
        if on_failure not in ("raise", "pass-through"):
            raise ValueError(
                'Cannot create a hook as on_failure must be "raise" or "pass-through": '
                f"current value is {on_failure!r}"
            )
        if not (transforms is None or isinstance(transforms, (list, tuple))):
            raise ValueError(
                'Cannot create a hook as transforms must be a list such as [{"name": "hicra"}]: current '
                f"value is {transforms!r}"
            )
        hicra = {"name": "hicra"} if alpha is None else {"name": "hicra", "alpha": alpha}
        self.transforms = [hicra] if transforms is None else list(transforms)
        self.on_failure = on_failure
        self.host = host
        self.failures = 0
        self.empty_batches = 0
        self.sidecar = Sidecar(socket and os.path.expanduser(socket))
        self._tokenizer = _read_tokenizer(tokenizer)
        self._vocab_size = vocab_size
        self._correct_above = correct_above
        self._lexicon = _read_lexicon(lexicon)
        self._names: dict[str, str] | None = None
        self._metric_names: list[str] = []
        self._announced = False
        self._warned: set[str] = set()
        self._in_force: dict[str, Any] = {"transforms": self.transforms}

    @classmethod
    def from_env(cls, tokenizer: Any = None, *, host: str = "", **options: Any) -> Hook:
        """A hook as the environment describes it, where `options` do not say otherwise.

        HICRA_ALPHA, HICRA_TRANSFORMS (JSON), HICRA_LEXICON, HICRA_ON_FAILURE, HICRA_SOCKET,
        HICRA_VOCAB_SIZE, HICRA_CORRECT_ABOVE, and HICRA_TOKENIZER where the host has no tokenizer at hand,
        or one that a hook cannot read. An `alpha` or `transforms` in `options` stands for both of the
        environment's; a null, as YAML has it, stands for the default.
        """
        unknown = [name for name in options if name not in OPTIONS]
        if unknown:
            raise TypeError(
                f"Cannot create a hook as {unknown[0]} is no option: known are {', '.join(OPTIONS)}"
            )
        options = _without_nulls(options)
        given = _read_environment()
        if "alpha" in options or "transforms" in options:
            given.pop("alpha", None)
            given.pop("transforms", None)
        if not _is_readable(tokenizer):
            tokenizer = os.environ.get("HICRA_TOKENIZER", tokenizer)
        if tokenizer is None:
            raise ValueError(
                "Cannot create a hook as the host has no tokenizer at hand: set HICRA_TOKENIZER to a "
                "tokenizer.json or its folder"
            )
        return cls(tokenizer, host=host, **(given | options))

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process may have a sidecar of its own, which has been handed nothing yet.
        return self.__dict__ | {"_names": None}

    def announce(self, bound_to: str) -> None:
        """Says once, on standard error, what the hook is bound to."""
        if self._announced:
            return
        self._announced = True
        transforms = json.dumps(self._in_force["transforms"])
        print(
            f"hicra: bound to {self.host} {bound_to}; transforms {transforms}, lexicon "
            f"{self._lexicon[0]!r}, on failure {self.on_failure}",
            file=sys.stderr,
            flush=True,
        )

    def record(self) -> dict[str, Any]:
        """What is in force, as plain JSON for the loop to record beside options of its own.

        Once a batch or `check` was answered, defaults are filled in and digests tell which lexicon
        and which tokenizer.
        """
        return {
            "lexicon": self._lexicon[0],
            "correct_above": self._correct_above,
            "on_failure": self.on_failure,
            **self._in_force,
        }

    def transform(
        self,
        offsets: Any,
        token_ids: Any,
        loss_mask: Any,
        advantages: Any,
        *,
        advantages_per: Literal["token", "sequence"] | None = None,
        step: int | None = None,
        signals: dict[str, float] | None = None,
        **fields: Any,
    ) -> Result:
        """Transforms a ragged batch: sequence s is tokens `[offsets[s], offsets[s + 1])`.

        `advantages` has one value a token or one a sequence; where there are as many tokens as sequences,
        `advantages_per` must say which. `fields` are those of the contract: rewards,
        group_ids, flags (one a sequence), old_logprobs, entropies, segment_ids (one a token).
        A schedule and `shuffle-mask` read `step`, a gate reads `signals`: without them they are refused.
        """
        refuse_transformed(advantages)
        tensors = _ragged(offsets, token_ids, loss_mask, fields)
        given = array("advantages", advantages).astype("<f4", copy=False)
        tensors["advantages"] = given
        num_tokens, num_sequences = len(tensors["token_ids"]), len(tensors["offsets"]) - 1
        if len(given) not in (num_tokens, num_sequences):
            raise ValueError(
                f"Cannot transform as advantages must have one value a token ({num_tokens}) or a "
                f"sequence ({num_sequences}): it has {len(given)}"
            )
        is_one_each = (np.diff(tensors["offsets"]) == 1).all()
        if advantages_per is None and num_tokens == num_sequences and not is_one_each:
            raise ValueError(
                f"Cannot transform as {num_tokens} advantages may be of the tokens or of the sequences: "
                'pass advantages_per="token" or "sequence"'
            )
        per = advantages_per or ("token" if len(given) == num_tokens else "sequence")
        if len(given) != (num_tokens if per == "token" else num_sequences):
            raise ValueError(
                f"Cannot transform as advantages must have one value a {per}, as advantages_per says: it "
                f"has {len(given)} for {num_tokens} tokens of {num_sequences} sequences"
            )
        result = self._transform(tensors, per, step, signals)
        result.advantages = _like(result.advantages, advantages)
        result.planning_mask = _like(result.planning_mask, token_ids)
        return result

    def transform_padded(
        self,
        token_ids: Any,
        loss_mask: Any,
        advantages: Any,
        *,
        step: int | None = None,
        signals: dict[str, float] | None = None,
        **fields: Any,
    ) -> Result:
        """Transforms `[rows, columns]` tensors, padded on any side: `loss_mask` alone tells.

        `token_ids[i, t]` must be the token that `advantages[i, t]` credits. Where `loss_mask` is 0 the
        host's advantage stays. `advantages` may be `[rows]`.
        """
        refuse_transformed(advantages)
        rows = _Rows(loss_mask)
        given = array("advantages", advantages)
        tensors = rows.batch(token_ids, fields)
        full = rows.checked("advantages", _broadcast(given, rows.shape))
        per = "sequence" if given.ndim == 1 else "token"
        tensors["advantages"] = (
            given.astype("<f4", copy=False) if per == "sequence" else rows.pack("advantages", given)
        )
        result = self._transform(tensors, per, step, signals)
        padded = np.array(full, dtype="<f4", order="C")
        result.advantages = _like(rows.unpack(result.advantages, padded), advantages)
        empty = np.zeros(rows.shape, "u1")
        result.planning_mask = _like(rows.unpack(result.planning_mask, empty), token_ids)
        return result

    def mask(
        self, offsets: Any, token_ids: Any, loss_mask: Any, *, segment_ids: Any = None
    ) -> np.ndarray:
        """The planning mask of a ragged batch, uint8 `[tokens]`; the formula is then the host's."""
        fields = {} if segment_ids is None else {"segment_ids": segment_ids}
        return self._mask(_ragged(offsets, token_ids, loss_mask, fields))

    def mask_padded(self, token_ids: Any, loss_mask: Any) -> Any:
        """The planning mask of `[rows, columns]` tensors, uint8, of the kind of `token_ids`."""
        rows = _Rows(loss_mask)
        found = self._mask(rows.batch(token_ids, {}))
        return _like(rows.unpack(found, np.zeros(rows.shape, "u1")), token_ids)

    def check(self, fields: Sequence[str] = (), signals: Sequence[str] = ()) -> Result:
        """Says now what is wrong with the options, and not with the first batch.

        It sends a batch without a trained token, with the `fields` and `signals` that the loop will send,
        and a probe for the step, which there is none of yet.
        """
        nothing = np.zeros((1, 1), "u1")
        sent: dict[str, Any] = {
            name: nothing[0] if name in PER_SEQUENCE else nothing for name in fields
        }
        named = dict.fromkeys(signals, 0.0)
        return self.transform_padded(nothing, nothing, nothing, step=0, signals=named, **sent)

    def close(self) -> None:
        """Stops the sidecar, if it was started here: each hook has its own, which ends with it at the latest."""
        self.sidecar.close()

    def __enter__(self) -> Hook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _transform(
        self,
        tensors: dict[str, np.ndarray],
        per: str,
        step: int | None,
        signals: dict[str, float] | None,
    ) -> Result:
        metadata = {
            "contract": "1",
            "advantages_per": per,
            "base": "raw",
            "transforms": json.dumps(self.transforms),
            "correct_above": json.dumps(self._correct_above),
        }
        if step is not None:
            metadata["step"] = str(step)
        if signals is not None:
            metadata["signals"] = json.dumps(signals)
        start = time.perf_counter()
        try:
            self._metric_names = self.sidecar.metric_names
            arrays, said = self._named(self.sidecar.transform, tensors, metadata)
        except SidecarUnavailable as error:
            self._pass_through(error, "batch passed through unchanged")
            given = tensors["advantages"]
            lengths = np.diff(tensors["offsets"])
            return Result(
                advantages=given.copy() if per == "token" else np.repeat(given, lengths),
                planning_mask=np.zeros(len(tensors["token_ids"]), "u1"),
                metrics=dict.fromkeys(self._metric_names, (0.0, 0.0)),
                failures=self.failures,
                empty_batches=self.empty_batches,
                latency_ms=_since(start),
            )
        for warning in json.loads(said.get("warnings", "[]")):
            if warning not in self._warned:
                self._warned.add(warning)
                warnings.warn(warning, RuntimeWarning, stacklevel=3)
        self.empty_batches += bool(tensors["loss_mask"].any() and not arrays["planning_mask"].any())
        provenance = {key: said[key] for key in ("tokenizer", "lexicon_digest") if key in said}
        self._in_force = {"transforms": json.loads(said["transforms"]), **provenance}
        coefficient = said.get("entropy_coefficient")
        return Result(
            advantages=arrays["advantages"],
            planning_mask=arrays["planning_mask"],
            metrics={name: tuple(pair) for name, pair in json.loads(said["metrics"]).items()},
            failures=self.failures,
            empty_batches=self.empty_batches,
            latency_ms=_since(start),
            entropy_coefficient=None if coefficient is None else float(coefficient),
            provenance=provenance,
        )

    def _mask(self, tensors: dict[str, np.ndarray]) -> np.ndarray:
        try:
            arrays, _ = self._named(self.sidecar.mask, tensors, {"contract": "1"})
            return arrays["planning_mask"]
        except SidecarUnavailable as error:
            self._pass_through(error, "empty mask")
            return np.zeros(len(tensors["token_ids"]), "u1")

    def _pass_through(self, error: SidecarUnavailable, what: str) -> None:
        """Counts a failure and says so, or raises it, as the policy is."""
        if self.on_failure == "raise":
            raise error
        self.failures += 1
        warnings.warn(
            f"hicra: {what}, failure {self.failures}: {error}", RuntimeWarning, stacklevel=4
        )

    def _named(
        self,
        operation: Callable[..., Any],
        tensors: dict[str, np.ndarray],
        metadata: dict[str, str],
    ) -> Any:
        """Names tokenizer and lexicon, handing them over first where the sidecar has them not."""
        if self._names is None:
            self._names = self._hand_over()
        try:
            return operation(tensors, metadata | self._names)
        except SidecarError as error:
            if error.code == "token_outside_vocabulary":
                raise SidecarError(
                    error.status, error.code, f"{error}; in Python vocab_size, or HICRA_VOCAB_SIZE"
                ) from None
            if error.code not in ("unknown_tokenizer", "unknown_lexicon"):
                raise
            self._names = self._hand_over()
            return operation(tensors, metadata | self._names)

    def _hand_over(self) -> dict[str, str]:
        name, lexicon = self._lexicon
        if isinstance(self._tokenizer, bytes):
            digest = self.sidecar.put_tokenizer(self._tokenizer, vocab_size=self._vocab_size)
        else:
            offsets, table = self._tokenizer
            spare = max(0, (self._vocab_size or 0) + 1 - len(offsets))
            digest = self.sidecar.put_token_table(np.pad(offsets, (0, spare), mode="edge"), table)
        return {
            "tokenizer": digest,
            "lexicon": name if lexicon is None else self.sidecar.put_lexicon(lexicon, name=name),
        }


class _Rows:
    """Where the trained part of every row stands: from its first trained token to its last."""

    def __init__(self, loss_mask: Any) -> None:
        mask = whole("loss_mask", loss_mask)
        if mask.ndim != 2:
            raise ValueError(
                "Cannot pack as loss_mask must be [rows, columns]: "
                f"current shape is {list(mask.shape)}"
            )
        self.shape = mask.shape
        self.trained = mask.view(bool)
        columns = self.shape[1]
        some = self.trained.any(axis=1)
        self.first = np.where(some, _first_true(self.trained), 0)
        self.last = np.where(some, columns - _first_true(self.trained[:, ::-1]), 0)
        lengths = self.last - self.first
        self.offsets = whole("offsets", np.concatenate([[0], np.cumsum(lengths)]))

    def batch(self, token_ids: Any, fields: dict[str, Any]) -> dict[str, np.ndarray]:
        return {
            "offsets": self.offsets,
            "token_ids": self.pack("token_ids", token_ids),
            "loss_mask": self.pack("loss_mask", self.trained),
        } | _given(fields, self.pack)

    def checked(self, name: str, values: np.ndarray) -> np.ndarray:
        if values.shape != self.shape:
            raise ValueError(
                f"Cannot pack as {name} must have the shape of loss_mask, {list(self.shape)}: "
                f"current shape is {list(values.shape)}"
            )
        return values

    def pack(self, name: str, values: Any) -> np.ndarray:
        found = self.checked(name, array(name, values))
        if name in FLOATS:
            return self._packed(found, "<f4")
        if fits(name, found):
            return self._packed(found, WHOLE[name].dtype)
        # Padding may hold anything: what counts is what is sent.
        return whole(name, self._packed(found, found.dtype), self._place)

    def _packed(self, values: np.ndarray, dtype: Any) -> np.ndarray:
        packed = np.empty(int(self.offsets[-1]), dtype)
        for row, start, end in self._spans():
            packed[start:end] = values[row, self.first[row] : self.last[row]]
        return packed

    def _place(self, index: int) -> str:
        row = int(np.searchsorted(self.offsets, index, side="right")) - 1
        return str([row, int(self.first[row] + index - self.offsets[row])])

    def unpack(self, packed: np.ndarray, out: np.ndarray) -> np.ndarray:
        for row, start, end in self._spans():
            out[row, self.first[row] : self.last[row]] = packed[start:end]
        return out

    def _spans(self) -> Any:
        return zip(range(self.shape[0]), self.offsets[:-1], self.offsets[1:], strict=True)


def _first_true(rows: np.ndarray) -> np.ndarray:
    """The column of the first True of every row, or 0 where there is none."""
    # numpy knows no argmax of nothing.
    return rows.argmax(axis=1) if rows.size > 0 else np.zeros(len(rows), int)


def group_ids(uids: Sequence[Any]) -> np.ndarray:
    """Dense ids of groups, from whatever names them."""
    ids: dict[Any, int] = {}
    # Elements of a tensor are equal to none but themselves.
    names = uids.tolist() if hasattr(uids, "tolist") else uids
    return np.array([ids.setdefault(uid, len(ids)) for uid in names], "<i4")


def refuse_transformed(advantages: Any) -> None:
    """Raises for a tensor that a hook returned: a second application would compound."""
    if getattr(advantages, "hicra_transformed", False):
        raise ValueError(
            "Cannot transform as advantages were returned by a hook: a second application would "
            "compound, keep the host's own advantages and transform once per batch"
        )


def _ragged(
    offsets: Any, token_ids: Any, loss_mask: Any, fields: dict[str, Any]
) -> dict[str, np.ndarray]:
    return {
        "offsets": whole("offsets", offsets),
        "token_ids": whole("token_ids", token_ids),
        "loss_mask": whole("loss_mask", loss_mask),
    } | _given(fields, _sent)


def _given(
    fields: dict[str, Any], per_token: Callable[[str, Any], np.ndarray]
) -> dict[str, np.ndarray]:
    """The fields of the contract that the loop has; `per_token` lays out those of tokens."""
    sent = {}
    for name, values in fields.items():
        if name not in (*PER_TOKEN, *PER_SEQUENCE):
            known = ", ".join([*PER_TOKEN, *PER_SEQUENCE])
            raise TypeError(
                f"Cannot send {name} as it is no field of the contract: known are {known}"
            )
        if values is not None:
            sent[name] = per_token(name, values) if name in PER_TOKEN else _sent(name, values)
    return sent


def _sent(name: str, values: Any) -> np.ndarray:
    if name in FLOATS:
        return array(name, values).astype("<f4", copy=False)
    return whole(name, values)


def _broadcast(advantages: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if advantages.ndim == 1 and len(advantages) == shape[0]:
        return np.broadcast_to(advantages[:, None], shape)
    return advantages


def _like(values: np.ndarray, model: Any) -> Any:
    """The values as what `model` is: a tensor on its device, or an array."""
    if not hasattr(model, "detach"):
        return values if values.flags.writeable else values.copy()
    torch = sys.modules["torch"]
    tensor = torch.from_numpy(values if values.flags.writeable else values.copy())
    tensor = tensor.to(model.device)
    if values.dtype == np.float32:
        tensor.hicra_transformed = True
    return tensor


def backend_tokenizer(tokenizer: Any) -> Any:
    """What a fast tokenizer of Hugging Face, or a processor that holds one, is made of; or None."""
    return getattr(getattr(tokenizer, "tokenizer", tokenizer), "backend_tokenizer", None)


def _is_readable(tokenizer: Any) -> bool:
    """Whether it is anything that a hook takes for a tokenizer; a slow one is not."""
    return (
        isinstance(tokenizer, (str, os.PathLike, tuple)) or backend_tokenizer(tokenizer) is not None
    )


def _read_tokenizer(tokenizer: Any) -> bytes | tuple[np.ndarray, np.ndarray]:
    if isinstance(tokenizer, (str, os.PathLike)):
        path = Path(tokenizer).expanduser()
        file = path / "tokenizer.json" if path.is_dir() else path
        if not file.is_file():
            raise FileNotFoundError(
                f"Cannot create a hook as there must be a tokenizer.json at {file}: there is none; of a "
                "model on a hub pass the tokenizer, AutoTokenizer.from_pretrained(...)"
            )
        return file.read_bytes()
    if isinstance(tokenizer, tuple):
        offsets, table = tokenizer
        return whole("offsets", offsets), np.frombuffer(bytes(table), "u1")
    backend = backend_tokenizer(tokenizer)
    if backend is None:
        raise TypeError(
            "Cannot create a hook as the tokenizer must be a fast one of Hugging Face, the path of a "
            f"tokenizer.json, or (offsets, bytes) of all tokens: it is a {type(tokenizer).__name__}, "
            'name the tokenizer.json by HICRA_TOKENIZER or, where a host takes options, as "tokenizer"'
        )
    return backend.to_str().encode()


def _read_lexicon(lexicon: str | os.PathLike[str]) -> tuple[str, bytes | None]:
    if not isinstance(lexicon, (str, os.PathLike)):
        raise TypeError(
            'Cannot create a hook as lexicon must be a name such as "math" or the path of a file: '
            f"current value is {lexicon!r}"
        )
    lexicon = os.fspath(lexicon)
    path = Path(lexicon).expanduser()
    if path.suffix in (".json", ".txt") or os.sep in lexicon:
        # With its suffix, so that no file passes for a built-in lexicon.
        return path.name, path.read_bytes()
    return lexicon, None


def _without_nulls(value: Any) -> Any:
    """Options in which what YAML leaves empty is left out, those of transforms included."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _read_environment() -> dict[str, Any]:
    known = {f"HICRA_{name.upper()}": name for name in OPTIONS}
    options = {}
    for variable in (name for name in os.environ if name.startswith("HICRA_")):
        if variable not in known:
            if variable not in ("HICRA_TOKENIZER", "HICRA_TOKEN"):
                warnings.warn(
                    f"hicra: {variable} is set and says nothing to a hook: known are "
                    f"{', '.join(known)}, HICRA_TOKENIZER and HICRA_TOKEN",
                    stacklevel=3,
                )
            continue
        name = known[variable]
        try:
            options[name] = OPTIONS[name](os.environ[variable])
        except ValueError as error:
            raise ValueError(
                f"Cannot create a hook as {variable} must be {OPTIONS[name].__name__}: current "
                f"value is {os.environ[variable]!r}, {error}"
            ) from None
    return options


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
