"""What the sidecar costs a training step, beside doing nothing, nested JSON, and matchers in pure Python.

    pip install ./hooks/python tokenizers
    python bench/sidecar/cost.py --tokenizer TOKENIZER.json [--rows 1024] [--columns 8192] [--rounds 5] [--readme]

Rows are the shipped traces, tokenized and set one after the other. Contestants take turns, round by round,
after a round that does not count; figures are medians with their range. Slow ones run on fewer rows and are
scaled, which the table says. Memory is the high-water mark of the processes.
"""

import argparse
import gzip
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from window_matchers import WindowMatcher

from hicra_hook import Hook
from hicra_hook._process import find_deno
from hicra_hook.sidecar import SAFETENSORS, _UnixConnection

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MARKERS = ("<!-- sidecar: written by bench/sidecar/cost.py --readme -->", "<!-- end of sidecar -->")


def corpus(tokenizer, wanted):
    """Token ids of real traces, one after the other, as many as wanted."""
    ids = []
    for path in sorted((ROOT / "tests/testdata/rollouts").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts = [rollout["completion"] for rollout in map(json.loads, lines)]
        for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
            ids.extend(encoding.ids)
            if len(ids) >= wanted:
                return np.array(ids[:wanted], "<i4")
    return np.resize(np.array(ids, "<i4"), wanted)


def exchange(path, where, body, headers):
    connection = _UnixConnection(path, 600)
    connection.request("POST", where, body=body, headers=headers)
    reply = connection.getresponse().read()
    connection.close()
    return reply


def high_water(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no VmHWM of process {pid}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--columns", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readme", action="store_true")
    args = parser.parse_args()

    rows, columns = args.rows, args.columns
    num_tokens = rows * columns
    tokenizer = Tokenizer.from_file(args.tokenizer)
    ids = corpus(tokenizer, num_tokens).reshape(rows, columns)
    mask = np.ones(ids.shape, "u1")
    advantages = np.random.default_rng(0).normal(size=rows).astype("<f4")

    hook = Hook(args.tokenizer)
    folder = tempfile.mkdtemp(prefix="hicra-bench-")
    socket = os.path.join(folder, "plain.sock")
    plain = subprocess.Popen(
        [
            find_deno(),
            "run",
            "-A",
            "--quiet",
            str(HERE / "plain_server.ts"),
            socket,
            args.tokenizer,
        ],
        stdout=subprocess.PIPE,
    )
    plain.stdout.readline()

    def transform():
        return hook.transform_padded(ids, mask, advantages)

    def mask_and_formula():
        planning = hook.mask_padded(ids, mask)
        wide = np.repeat(advantages[:, None], columns, axis=1)
        wide += np.float32(0.2) * np.abs(wide) * planning
        return wide

    def echo():
        body = [memoryview(array).cast("B") for array in (ids, mask, advantages)]
        size = sum(part.nbytes for part in body)
        headers = {"content-length": str(size), "x-reply-bytes": str(min(size, 5 * num_tokens))}
        return exchange(socket, "/echo", body, {**headers, "content-type": SAFETENSORS})

    json_rows = max(1, rows // 16)

    def nested_json():
        batch = {
            "token_ids": ids[:json_rows].tolist(),
            "loss_mask": mask[:json_rows].tolist(),
            "advantages": advantages[:json_rows].tolist(),
        }
        body = json.dumps(batch).encode()
        reply = json.loads(exchange(socket, "/json", body, {"content-type": "application/json"}))
        return np.array(reply["advantages"], "<f4"), np.array(reply["planning_mask"], "u1")

    grams = [
        gram["text"] for gram in json.loads((ROOT / "sg/lexicons/math.json").read_text())["grams"]
    ]
    fragments = {id_: text.lstrip("Ġ▁") for text, id_ in tokenizer.get_vocab().items()}
    windows = WindowMatcher(grams, fragments)
    window_tokens = min(num_tokens, 20_000)

    def pure_python():
        return windows.mask(ids.reshape(-1)[:window_tokens].tolist())

    def nothing():
        return hook.sidecar.health()

    contestants = {
        "`transform`": (transform, num_tokens),
        "`mask`, then `A + 0.2 abs(A) m` in numpy": (mask_and_formula, num_tokens),
        "the same bytes there and back, nothing computed": (echo, num_tokens),
        "an empty request (`/v1/health`)": (nothing, None),
        "the same hook behind nested JSON": (nested_json, json_rows * columns),
        "windows and a regular expression in pure Python": (pure_python, window_tokens),
    }
    expected = transform()
    from_mask = mask_and_formula()
    np.testing.assert_array_equal(from_mask.view("i4"), expected.advantages.view("i4"))
    by_json, _ = nested_json()
    np.testing.assert_array_equal(by_json.view("i4"), expected.advantages[:json_rows].view("i4"))

    times = {name: [] for name in contestants}
    for number in range(args.rounds + 1):
        for name, (run, _) in contestants.items():
            start = time.perf_counter()
            run()
            if number > 0:
                times[name].append(time.perf_counter() - start)
    ours = times["`transform`"]
    lines = [
        "|  | seconds | time over `transform` | how |",
        "| --- | ---: | ---: | --- |",
    ]
    for name, (_, measured) in contestants.items():
        scale = 1 if measured is None else num_tokens / measured
        whole = [scale * seconds for seconds in times[name]]
        ratios = [mine / own for mine, own in zip(whole, ours, strict=True)]
        how = "measured" if scale == 1 else f"measured on {measured:,} tokens and scaled"
        spread = f"{statistics.median(whole):.3g} ({min(whole):.3g}–{max(whole):.3g})"
        lines.append(f"| {name} | {spread} | {statistics.median(ratios):.3g}× | {how} |")
    planning, tokens = expected.metrics["hicra/planning_frac"]
    sent = ids.nbytes + mask.nbytes + advantages.nbytes
    text = "\n".join(
        [
            f"{date.today()}, {os.cpu_count()} cores ({platform.machine()}), numpy {np.__version__}, "
            f"Python {platform.python_version()}; {rows:,} × {columns:,} = {num_tokens:,} Qwen3 tokens of the "
            f"shipped traces, {100 * planning / tokens:.2g} % of them planning; medians of {args.rounds} rounds "
            "in turns, in brackets the range.",
            "",
            *lines,
            "",
            f"High-water memory: sidecar {high_water(hook.sidecar._process.pid) / 2**20:,.0f} MiB, Python "
            f"{high_water(os.getpid()) / 2**20:,.0f} MiB (which holds all contestants); a batch is "
            f"{sent / 2**20:,.0f} MiB there and {5 * num_tokens / 2**20:,.0f} MiB back.",
        ]
    )
    print(text)
    hook.close()
    plain.terminate()
    plain.wait()
    os.remove(socket)
    os.rmdir(folder)
    if args.readme:
        path = ROOT / "bench/README.md"
        before, rest = path.read_text(encoding="utf-8").split(MARKERS[0])
        _, after = rest.split(MARKERS[1])
        path.write_text(f"{before}{MARKERS[0]}\n\n{text}\n\n{MARKERS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
