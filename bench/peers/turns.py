"""Runs named cases in turns with another program: a case for each line on standard input.

A program of the bench writes arrays as raw files into a folder, with manifest.json beside them:

    {"arrays": {"ids": {"file": "0.bin", "dtype": "int32", "shape": [3]}},
     "cases": {"sum of ids": {"run": "sum", "arrays": {"values": "ids"}, "options": {}}}}

It then writes a JSON line {"folder": "/tmp/cases", "case": "sum of ids"} and reads one back: nanoseconds,
result, memory; or why the case was skipped or went wrong. Nothing runs in between, so both sides can take
turns on the same bytes. A case is prepared when it is first asked for, which is not timed with it; another
folder forgets the cases of the one before. With "alone": true the case runs in a fork that has prepared
nothing else, for the memory that it takes. This file needs the standard library only.
"""

import gc
import json
import os
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


class Cases:
    """The cases of a folder; those that ran stay prepared."""

    def __init__(self, folder, makers):
        self.folder, self.makers, self.prepared = Path(folder), makers, {}
        self.manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    def answer(self, name):
        setup = None
        if name not in self.prepared:
            case = self.manifest["cases"][name]
            arrays = Arrays(self.folder, self.manifest["arrays"], case["arrays"])
            start = time.perf_counter_ns()
            self.prepared[name] = self.makers[case["run"]](arrays, case.get("options", {}))
            setup = time.perf_counter_ns() - start
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
        peak = peak_memory_bytes()
        return {
            "nanoseconds": nanoseconds, "setupNanoseconds": setup, "peakMemoryBytes": peak, **report(value)
        }

    def answer_or_reason(self, name):
        try:
            return self.answer(name)
        except (ImportError, Unavailable) as error:
            return {"skipped": str(error)}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


def in_fork(function):
    """Calls a function in a fork of this process and returns what it made, which must go through JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with os.fdopen(writer, "w", encoding="utf-8") as out:
                json.dump(function(), out)
            status = 0
        finally:
            os._exit(status)  # whatever happens, only one process goes on
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answers:
        text = answers.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if status == 0 else {"error": f"the fork ended with status {status}"}


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
        if request.get("alone"):
            say(in_fork(lambda: Cases(folder, makers).answer_or_reason(name)))
            continue
        if cases is None or cases.folder != Path(folder):
            cases = None  # frees what was prepared, before more is
            cases = Cases(folder, makers)
        say(cases.answer_or_reason(name))


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
