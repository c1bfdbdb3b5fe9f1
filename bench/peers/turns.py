"""Runs named cases in turns with another program: a case for each line on standard input.

A program of the bench writes arrays as raw files into a folder, with manifest.json beside them:

    {"arrays": {"ids": {"file": "0.bin", "dtype": "int32", "shape": [3]}},
     "cases": {"sum of ids": {"run": "sum", "arrays": {"values": "ids"}, "options": {}}}}

It then writes a JSON line {"folder": "/tmp/cases", "case": "sum of ids"} and reads one back: nanoseconds
and result; or why the case was skipped or went wrong. Nothing runs in between, so both sides can take
turns on the same bytes. A case is prepared when it is first asked for, which is not timed with it; another
folder forgets the cases of the one before. This file needs the standard library only.
"""

import gc
import json
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


class Cases:
    """The cases of a folder; those that ran stay prepared."""

    def __init__(self, folder, makers):
        self.folder, self.makers, self.prepared = Path(folder), makers, {}
        self.manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    def answer(self, name):
        if name not in self.prepared:
            case = self.manifest["cases"][name]
            arrays = Arrays(self.folder, self.manifest["arrays"], case["arrays"])
            self.prepared[name] = self.makers[case["run"]](arrays, case.get("options", {}))
        run, report = self.prepared[name]
        # As timeit does: the collector runs before, and not while the time is taken.
        gc.collect()
        gc.disable()
        try:
            start = time.perf_counter_ns()
            value = run()
            nanoseconds = time.perf_counter_ns() - start
        finally:
            gc.enable()
        return {"nanoseconds": nanoseconds, **report(value)}

    def answer_or_reason(self, name):
        try:
            return self.answer(name)
        except (ImportError, Unavailable) as error:
            return {"skipped": str(error)}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


def serve(makers, versions=()):
    """Answers until standard input ends.

    A maker takes the arrays and options of a case and returns two functions: `run()`, which is timed, and
    `report(value)`, which makes of what it returned a dictionary with a number, `result`. What modules write
    on standard output goes to standard error.
    """
    out, sys.stdout = sys.stdout, sys.stderr

    def say(message):
        print(json.dumps(message), file=out, flush=True)

    say({"versions": dict(versions)})
    cases = None
    for line in sys.stdin:
        request = json.loads(line)
        folder, name = request["folder"], request["case"]
        if cases is None or cases.folder != Path(folder):
            cases = None  # frees what was prepared, before more is
            cases = Cases(folder, makers)
        say(cases.answer_or_reason(name))

