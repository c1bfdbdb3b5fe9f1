"""Runs named cases in turns with another program: a case for each line on standard input.

A program of the bench writes arrays as raw files into a folder, with manifest.json beside them:

    {"arrays": {"ids": {"file": "ids.bin", "dtype": "int32", "shape": [3]}},
     "cases": {"sum of ids": {"run": "sum", "arrays": {"values": "ids"}, "options": {}}}}

It then writes a JSON line {"case": "sum of ids"} and reads one back: nanoseconds, result, memory; or why the
case was skipped or went wrong. Nothing runs in between, so both sides can take turns on the same bytes. A
case is prepared when it is first asked for, which is not timed with it. This file needs the standard
library only.
"""

import gc
import json
import re
import resource
import sys
import time
from pathlib import Path


class Unavailable(Exception):
    """A case cannot run here, though nothing is wrong; the text says what is missing."""


class Arrays:
    """The arrays of a case, read when they are asked for."""

    def __init__(self, folder, entries, names):
        self.folder, self.entries, self.names = folder, entries, names

    def raw(self, name):
        """The bytes of an array."""
        return (self.folder / self.entry(name)["file"]).read_bytes()

    def numpy(self, name):
        """An array of numpy; bfloat16 comes as its bits in int16."""
        import numpy as np

        entry = self.entry(name)
        dtype = np.dtype("int16" if entry["dtype"] == "bfloat16" else entry["dtype"])
        return np.fromfile(self.folder / entry["file"], dtype).reshape(entry["shape"])

    def torch(self, name):
        """A tensor."""
        import torch

        tensor = torch.from_numpy(self.numpy(name))
        return tensor.view(torch.bfloat16) if self.entry(name)["dtype"] == "bfloat16" else tensor

    def entry(self, name):
        return self.entries[self.names[name]]


def serve(folder, makers, versions=()):
    """Answers until standard input ends.

    A maker takes the arrays and options of a case and returns two functions: `run()`, which is timed, and
    `report(value)`, which makes of what it returned a dictionary with a number, `result`. What modules write
    on standard output goes to standard error.
    """
    out, sys.stdout = sys.stdout, sys.stderr
    manifest = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
    prepared = {}

    def say(message):
        print(json.dumps(message), file=out, flush=True)

    say({"versions": dict(versions)})
    for line in sys.stdin:
        try:
            say(answer(json.loads(line)["case"], Path(folder), manifest, makers, prepared))
        except (ImportError, Unavailable) as error:
            say({"skipped": str(error)})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})


def answer(name, folder, manifest, makers, prepared):
    if name not in prepared:
        case = manifest["cases"][name]
        arrays = Arrays(folder, manifest["arrays"], case["arrays"])
        start = time.perf_counter_ns()
        prepared[name] = makers[case["run"]](arrays, case.get("options", {}))
        setup = time.perf_counter_ns() - start
    else:
        setup = None
    run, report = prepared[name]
    # As timeit does: the collector runs before, and not while the time is taken.
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter_ns()
        value = run()
        nanoseconds = time.perf_counter_ns() - start
    finally:
        gc.enable()
    peak = peak_memory_bytes()
    return {
        "nanoseconds": nanoseconds, "setupNanoseconds": setup, "peakMemoryBytes": peak, **report(value)
    }


def peak_memory_bytes():
    """The high-water mark of this process.

    VmHWM where there is one: on Linux ru_maxrss may still hold the mark of the program that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))
    except (OSError, AttributeError):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
