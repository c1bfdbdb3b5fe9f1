"""The logit statistics and the policy gradient in torch, for bench/gpu.

Prints one JSON line for each case: name, milliseconds (median, min, max), bytes that must be moved, or why it was left
out. Sizes and element types are those of the WebGPU cases.

    gpu_logits.py --tokens 3533 --vocab 151936 --rounds 9 [--device cpu]
"""

import argparse
import json
import statistics
import sys
import time

import torch

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def stats(logits, ids):
    """What TRL and verl compute, in one function: log-probabilities and entropies over the vocabulary."""
    logps = torch.log_softmax(logits.float(), -1)
    logprobs = logps.gather(-1, ids[:, None])[:, 0]
    return logprobs, -(logps.exp() * logps).sum(-1)


def chunked_stats(logits, ids, rows=64):
    """The same without intermediates of the whole size, as careful trainers do it."""
    parts = [stats(logits[i : i + rows], ids[i : i + rows]) for i in range(0, len(ids), rows)]
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def loss(logits, ids, old):
    logprobs, entropies = stats(logits, ids)
    ratio = (logprobs - old).exp()
    return (-torch.min(ratio, ratio.clamp(0.8, 3.0)) - 0.01 * entropies).sum()


def triton_stats():
    import triton
    import triton.language as tl

    @triton.jit
    def kernel(logits, ids, logprobs, entropies, vocab, BLOCK: tl.constexpr):
        row = tl.program_id(0).to(tl.int64)
        start = logits + row * vocab
        lane = tl.arange(0, BLOCK)
        largest = tl.full([BLOCK], -float("inf"), tl.float32)
        total = tl.zeros([BLOCK], tl.float32)
        weighted = tl.zeros([BLOCK], tl.float32)
        for at in range(0, vocab, BLOCK):
            x = tl.load(start + at + lane, mask=at + lane < vocab, other=-1e30).to(tl.float32)
            top = tl.maximum(largest, x)
            drop = tl.where(largest == -float("inf"), -200.0, largest - top)
            factor = tl.exp(drop)
            distance = tl.maximum(x - top, -200.0)
            weight = tl.exp(distance)
            weighted = (weighted + drop * total) * factor + weight * distance
            total = total * factor + weight
            largest = top
        most = tl.max(largest, 0)
        drop = tl.maximum(largest - most, -200.0)
        factor = tl.exp(drop)
        weighted = tl.sum((weighted + drop * total) * factor, 0)
        total = tl.sum(total * factor, 0)
        logit = tl.load(start + tl.load(ids + row)).to(tl.float32)
        tl.store(logprobs + row, logit - most - tl.log(total))
        tl.store(entropies + row, tl.log(total) - weighted / total)

    def run(logits, ids):
        logprobs = torch.empty(len(ids), device=logits.device)
        entropies = torch.empty_like(logprobs)
        kernel[(len(ids),)](logits, ids, logprobs, entropies, logits.shape[1], BLOCK=2048, num_warps=8)
        return logprobs, entropies

    return run


def milliseconds(run, rounds, device):
    run()
    times = []
    for _ in range(rounds):
        if device == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            torch.cuda.synchronize()
            times.append(begin.elapsed_time(end))
        else:
            start = time.perf_counter()
            run()
            times.append(1000 * (time.perf_counter() - start))
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}


def cases(dtype, tokens, vocab, device):
    """Names, functions without arguments, and bytes; a function may raise what it lacks."""
    torch.manual_seed(0)
    logits = torch.randn(tokens, vocab, device=device, dtype=DTYPES[dtype])
    ids = torch.arange(tokens, device=device) * 7919 % vocab
    old = torch.full((tokens,), -11.9, device=device)
    size = logits.numel() * logits.element_size()
    truth = [values.double() for values in stats(logits[:4].double(), ids[:4])]

    def checked(function):
        def run():
            return function(logits, ids)

        for actual, expected in zip(function(logits[:4].contiguous(), ids[:4]), truth):
            error = (actual.double() - expected).abs().max().item()
            if not error < 1e-3:
                raise ValueError(f"off by {error}")
        return run

    def gradient(function):
        def run():
            leaf = logits.detach().requires_grad_(True)
            function(leaf, ids, old).backward()
            return leaf.grad

        return run

    yield f"logits, {dtype}", "torch eager", lambda: checked(stats), size
    yield f"logits, {dtype}", "torch eager, 64 rows at a time", lambda: checked(chunked_stats), size
    # On a CPU, where only the script itself is tried out, compiling takes most of a minute.
    if device == "cuda":
        compiled = torch.compile(stats, dynamic=False)
        yield f"logits, {dtype}", "torch.compile", lambda: checked(compiled), size
    yield f"logits, {dtype}", "Triton", lambda: checked(triton_stats()), size
    # Forward and backward together: autograd cannot be asked for the second alone.
    yield f"logits and policy gradient, {dtype}", "torch eager", lambda: gradient(loss), 3 * size
    if device == "cuda":
        compiled_loss = torch.compile(loss, dynamic=False)
        name = f"logits and policy gradient, {dtype}"
        yield name, "torch.compile", lambda: gradient(compiled_loss), 3 * size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, nargs=3, required=True, help="for f32, f16 and bf16")
    parser.add_argument("--vocab", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no CUDA device")
    for dtype, tokens in zip(DTYPES, options.tokens):
        for name, peer, make, size in cases(dtype, tokens, options.vocab, options.device):
            line = {"case": name, "peer": f"{peer} ({torch.__version__})", "bytes": size}
            try:
                line |= milliseconds(make(), options.rounds, options.device)
            except Exception as error:  # noqa: BLE001: a peer that cannot run is reported, not hidden
                line["leftOut"] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
            print(json.dumps(line), flush=True)
            if options.device == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
