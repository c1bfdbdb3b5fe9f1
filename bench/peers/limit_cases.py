"""What the machine can do at most: a plain copy, a matrix product."""

import os


def copy(arrays, options):
    """Copies an array that no cache holds."""
    import numpy as np

    source = np.ones(options["bytes"], np.uint8)
    target = np.empty_like(source)
    return lambda: np.copyto(target, source), lambda _: {"result": int(target[-1])}


def product(arrays, options):
    """Multiplies two square float32 matrices."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    matrix = torch.ones(options["size"], options["size"])
    return lambda: matrix @ matrix, lambda value: {"result": float(value[-1, -1])}


MAKERS = {"copy": copy, "matrix product": product}
