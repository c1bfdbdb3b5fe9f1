"""HICRA's transform, A + alpha |A| m, as one line of numpy and of torch."""

import os


def numpy_line(arrays, options):
    import numpy as np

    A, m, alpha = arrays.numpy("advantages"), arrays.numpy("mask"), np.float32(options["alpha"])
    return lambda: A + alpha * np.abs(A) * m, lambda value: difference(value, arrays)


def torch_line(arrays, options):
    A, m, alpha = *tensors(arrays), options["alpha"]
    return lambda: A + alpha * A.abs() * m, lambda value: difference(value.numpy(), arrays)


def torch_fused(arrays, options):
    """One pass less than the line above."""
    import torch

    A, m, alpha = *tensors(arrays), options["alpha"]
    return (
        lambda: torch.addcmul(A, A.abs(), m, value=alpha),
        lambda value: difference(value.numpy(), arrays),
    )


def tensors(arrays):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return arrays.torch("advantages"), arrays.torch("mask")


def difference(value, arrays):
    """The largest difference from what the other side computed."""
    import numpy as np

    expected = arrays.numpy("expected")
    return {"result": float(np.abs(value.astype(np.float64) - expected).max())}


MAKERS = {"numpy line": numpy_line, "torch line": torch_line, "torch addcmul": torch_fused}
