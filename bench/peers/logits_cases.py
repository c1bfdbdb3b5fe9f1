"""Log-probability of a token and entropy of its distribution from logits [tokens, vocabulary].

The eager variants are the ways in which trainers write it, and those that a careful user would try next. All
return float32 whatever the logits are.
"""

import os
import shutil


def whole(logits, ids):
    """log_softmax of everything at once, gather, entropy."""
    import torch
    from torch.nn.functional import log_softmax

    logp = log_softmax(logits, -1, dtype=torch.float32)
    return logp.gather(-1, ids[:, None])[:, 0], -(logp.exp() * logp).sum(-1)


def trl(logits, ids):
    """As TRL: gather less logsumexp by rows, entropy by log_softmax in chunks; here of a row."""
    import torch
    from torch.nn.functional import log_softmax

    selected = logits.gather(-1, ids[:, None])[:, 0].float()
    logsumexp = torch.stack([torch.logsumexp(row.float(), -1) for row in logits])
    entropies = []
    for chunk in logits.split(1):
        logp = log_softmax(chunk, -1, dtype=torch.float32)
        entropies.append(-(logp.exp() * logp).sum(-1))
    return selected - logsumexp, torch.cat(entropies)


def verl(logits, ids):
    """As verl: the same log-probability, entropy as logsumexp less the mean logit."""
    import torch
    from torch.nn.functional import softmax

    logits = logits.float()
    logsumexp = torch.stack([torch.logsumexp(row, -1) for row in logits])
    p = softmax(logits, -1)
    entropies = torch.logsumexp(logits, -1) - (p * logits).sum(-1)
    return logits.gather(-1, ids[:, None])[:, 0] - logsumexp, entropies


def rows_by_hand(logits, ids):
    """A row at a time without a softmax: exponentials once, for sum and entropy."""
    import torch

    logprobs, entropies = [], []
    for row, token in zip(logits, ids):
        shifted = row.float()
        shifted = shifted - shifted.max()
        weights = shifted.exp()
        total = weights.sum()
        log_total = total.log()
        logprobs.append(shifted[token] - log_total)
        entropies.append(log_total - torch.dot(weights, shifted) / total)
    return torch.stack(logprobs), torch.stack(entropies)


def eager(function):
    def make(arrays, options):
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        logits, ids = arrays.torch("logits"), arrays.torch("ids").long()

        def run():
            with torch.inference_mode():
                return function(logits, ids)

        return run, lambda outputs: errors(arrays, *(tensor.numpy() for tensor in outputs))

    return make


def compiled(arrays, options):
    """The whole of it under torch.compile, which needs a C++ compiler."""
    import torch
    from turns import Unavailable

    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise Unavailable("torch.compile needs a C++ compiler")
    # The number of threads is compiled in, so that each has a program of its own.
    return eager(torch.compile(whole, dynamic=False))(arrays, options)


def onnx_session(arrays, options):
    """LogSoftmax, GatherElements and a sum in onnxruntime."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper

    logits, ids = arrays.numpy("logits"), arrays.numpy("ids").astype(np.int64)
    if logits.dtype == np.int16:
        from turns import Unavailable

        raise Unavailable("onnxruntime has no LogSoftmax of bfloat16 on the CPU")
    nodes = [
        helper.make_node("LogSoftmax", ["logits"], ["logp"], axis=-1),
        helper.make_node("GatherElements", ["logp", "ids"], ["logprobs"], axis=-1),
        helper.make_node("Exp", ["logp"], ["p"]),
        helper.make_node("Mul", ["p", "logp"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "axes"], ["negative"], keepdims=0),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "logits",
        [value("logits", TensorProto.FLOAT, [None, None]), value("ids", TensorProto.INT64, [None, 1])],
        [value("logprobs", TensorProto.FLOAT, None), value("negative", TensorProto.FLOAT, None)],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [-1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    feeds = {"logits": logits, "ids": ids[:, None]}

    def report(outputs):
        logprobs, negative = outputs
        return errors(arrays, logprobs[:, 0], -negative)

    return lambda: session.run(None, feeds), report


def errors(arrays, logprobs, entropies):
    """The largest difference from the float64 truth of the other side, in nats."""
    import numpy as np

    pairs = ((logprobs, arrays.numpy("logprobs")), (entropies, arrays.numpy("entropies")))
    return {"result": float(max(np.abs(value - truth).max() for value, truth in pairs))}


MAKERS = {
    "torch eager, whole": eager(whole),
    "torch eager, TRL": eager(trl),
    "torch eager, verl": eager(verl),
    "torch eager, rows by hand": eager(rows_by_hand),
    "torch.compile": compiled,
    "onnxruntime": onnx_session,
}
