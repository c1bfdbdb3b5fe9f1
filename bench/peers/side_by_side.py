"""The Python side of `deno task bench --only python`: numpy, torch, onnxruntime, two Aho-Corasick packages.

    python side_by_side.py THREADS [LIBRARY]

THREADS is the number of threads that numpy, torch and onnxruntime use. LIBRARY is loaded before the first
case, so that forks which measure memory begin with it. turns.py says what is read and written.
"""

import contextlib
import importlib
import importlib.metadata
import os
import sys

if __name__ == "__main__":
    threads, libraries = sys.argv[1], sys.argv[2:]
    # Read by the libraries when they are loaded, so they stand before the imports below.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads

    import limit_cases
    import logits_cases
    import match_cases
    import transform_cases
    from turns import serve

    def installed(name):
        try:
            return [(name, importlib.metadata.version(name))]
        except importlib.metadata.PackageNotFoundError:
            return []

    for library in libraries:
        with contextlib.suppress(ImportError):  # a case that needs it says so
            importlib.import_module(library)
    packages = ["numpy", "torch", "onnxruntime", "pyahocorasick", "ahocorasick_rs"]
    versions = [("Python", sys.version.split()[0]), *(v for name in packages for v in installed(name))]
    modules = [limit_cases, logits_cases, match_cases, transform_cases]
    serve({name: maker for module in modules for name, maker in module.MAKERS.items()}, versions)
