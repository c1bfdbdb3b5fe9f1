"""Writes the golden files of this folder with the reference implementation.

Made with Python 3.11, safetensors 0.8.0, numpy 2.4.6:
    python tests/testdata/safetensors/build.py
"""

from pathlib import Path

import numpy as np
from safetensors import TensorSpec, serialize
from safetensors.numpy import save_file

HERE = Path(__file__).parent

# Every dtype, an empty tensor, a single number, a name that is not ASCII, names out of order.
TENSORS = {
    "z_u8": np.array([0, 1, 255], np.uint8),
    "bool": np.array([False, True]),
    "half": np.array([1.0, -2.0], "<f2"),
    "brain": np.array([[0x3F80, 0xC000]], "<u2"),  # 1.0, -2.0
    "i32": np.array([[1, -2], [3, 2**31 - 1]], "<i4"),
    "b_f32": np.array([0.2, -0.0], "<f4"),
    "a_f32": np.array(3.5, "<f4"),
    "f64": np.array([0.1], "<f8"),
    "i64": np.array([-1, 2**40], "<i8"),
    "empty": np.zeros((0, 4), "<f4"),
    "größe": np.array([7], np.uint8),
}
# Not save_file, as numpy has no bfloat16.
specs = {
    name: TensorSpec(
        dtype="bfloat16" if name == "brain" else array.dtype.name,
        shape=array.shape,
        data_ptr=array.ctypes.data,
        data_len=array.nbytes,
    )
    for name, array in TENSORS.items()
}
(HERE / "dtypes.safetensors").write_bytes(serialize(specs, {"made": "by the reference"}))

# A batch as a Python training loop would send it: offsets and ids are int64, the mask is bool.
save_file(
    {
        "offsets": np.array([0, 2, 5]),
        "token_ids": np.array([11, 12, 13, 14, 15]),
        "loss_mask": np.array([True, True, True, False, True]),
        "advantages": np.array([0.5, -0.5], np.float32),
        "rewards": np.array([1, 0], np.float32),
        "group_ids": np.array([0, 0], np.int32),
        "old_logprobs": np.array([-0.1, -0.2, -0.3, 0.0, -0.5], np.float32),
        "prompt_lengths": np.array([7, 7]),
    },
    HERE / "batch.safetensors",
    {"step": "12", "contract": "1"},
)

# What batchToSafetensors writes for the same batch: the contract's own element types.
save_file(
    {
        "offsets": np.array([0, 2, 5], np.int32),
        "token_ids": np.array([11, 12, 13, 14, 15], np.int32),
        "loss_mask": np.array([1, 1, 1, 0, 1], np.uint8),
        "rewards": np.array([1, 0], np.float32),
        "planning_mask": np.array([0, 1, 1, 0, 0], np.uint8),
        "spans": np.array([[1, 3, 0]], np.int32),
    },
    HERE / "contract.safetensors",
    {"contract": "1"},
)
