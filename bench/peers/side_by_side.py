"""The Python side of `deno task bench --python`: numpy, torch, onnxruntime, two Aho-Corasick packages.

    python side_by_side.py THREADS

THREADS is the number of threads that numpy, torch and onnxruntime use. turns.py says what is read and written.
"""

import importlib.metadata
import os
import sys

if __name__ == "__main__":
    threads = sys.argv[1]
    # Read by the libraries when they are loaded, so they stand before the imports below.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads

    import logits_cases
    import match_cases
    import transform_cases
    from turns import serve

    def installed(name):
        try:
            return [(name, importlib.metadata.version(name))]
        except importlib.metadata.PackageNotFoundError:
            return []

    packages = ["numpy", "torch", "onnxruntime", "pyahocorasick", "ahocorasick_rs"]
    versions = [("Python", sys.version.split()[0]), *(v for name in packages for v in installed(name))]
    modules = [logits_cases, match_cases, transform_cases]
    serve({name: maker for module in modules for name, maker in module.MAKERS.items()}, versions)
