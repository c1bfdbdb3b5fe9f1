"""A Python side with the standard library only, for the tests of the protocol in bench/peers/turns.py.

    python3 fake_peer.py FOLDER_OF_TURNS [--mute | --garbled]
"""

import array
import os
import sys

sys.path.insert(0, sys.argv[1])

from turns import Unavailable, serve


def total(arrays, options):
    values = array.array("i")
    values.frombytes(arrays.raw("values"))
    print("modules may write on standard output")
    calls = []

    def run():
        calls.append(None)
        return sum(values)

    def report(found):
        return {"result": found + options.get("off", 0) + len(calls) * options.get("drift", 0)}

    return run, report


def not_installed(arrays, options):
    import no_such_module_of_any_kind  # noqa: F401


def unavailable(arrays, options):
    raise Unavailable("needs a compiler")


def broken(arrays, options):
    raise ValueError("no good")


def big(arrays, options):
    return lambda: len(bytearray(options["bytes"])), lambda size: {"result": size}


def ends(arrays, options):
    os._exit(3)


if "--mute" in sys.argv:
    sys.exit("nothing to say")
if "--garbled" in sys.argv:
    print("hello", flush=True)
serve(
    {
        "total": total, "not installed": not_installed, "unavailable": unavailable, "broken": broken,
        "big": big, "ends": ends,
    },
    [("Python", "3")],
)
