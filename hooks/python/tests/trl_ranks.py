"""Two processes that train together under `torchrun`, and write down what test_trl.py reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from transformers import TrainerCallback

import mortal
import trl_toy as toy

RANK = int(os.environ["RANK"])


class EndSidecarOfRank1(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if RANK == 1 and state.global_step == 1:
            mortal.end_for_good(self.trainer._hicra.sidecar)


def trainer(
    folder: Path, hicra: dict | None = None, *, group: int = 4, mortal: bool = False, **options
):
    end = EndSidecarOfRank1()
    end.trainer = toy.trainer(
        folder,
        kind=toy.HicraRecorder,
        hicra={"alpha": 0.2} | (hicra or {}),
        per_device_train_batch_size=4,
        num_generations=group,
        callbacks=[end] if mortal else [],
        **({"max_steps": 3 if mortal else 1} | options),
    )
    return end.trainer


def record(trained) -> dict:
    trained.train()
    logs = trained.state.log_history
    return {
        "generated": trained.generated[0],
        "seen": trained.seen,
        "log": logs[0],
        # Steps that generate have it.
        "failures": [log["hicra/failures"] for log in logs if "hicra/failures" in log],
    }


def main(folder: Path) -> None:
    results: dict = {
        "whole groups": record(trainer(folder)),
        "two passes": record(
            trainer(folder, gradient_accumulation_steps=2, num_iterations=2, max_steps=2)
        ),
        "cut groups": record(trainer(folder, group=8)),
        "pass-through": record(trainer(folder, {"on_failure": "pass-through"}, mortal=True)),
    }
    try:
        trainer(folder, mortal=True).train()
    except RuntimeError as error:
        results["raise"] = str(error)
    torch.save(results, folder / f"rank{RANK}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
