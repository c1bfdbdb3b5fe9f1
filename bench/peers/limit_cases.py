"""What the machine can do at most: a plain copy, a matrix product."""

import os


def copy(arrays, options):
    """Copies an array that no cache holds."""
    import numpy as np

    source = np.ones(options["bytes"], np.uint8)
    target = np.empty_like(source)
    return lambda: np.copyto(target, source), lambda _: {"result": int(target[-1])}


def copy_torch(arrays, options):
    """The same with all threads of torch."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    source = torch.ones(options["bytes"], dtype=torch.uint8)
    target = torch.empty_like(source)
    return lambda: target.copy_(source), lambda _: {"result": int(target[-1])}


def product(arrays, options):
    """Multiplies two square float32 matrices."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    matrix = torch.ones(options["size"], options["size"])
    return lambda: matrix @ matrix, lambda value: {"result": float(value[-1, -1])}


def nothing(arrays, options):
    """Tells the memory of a case from that of the process."""
    return lambda: None, lambda _: {"result": 0}


MAKERS = {"copy": copy, "copy, torch": copy_torch, "matrix product": product, "nothing": nothing}
