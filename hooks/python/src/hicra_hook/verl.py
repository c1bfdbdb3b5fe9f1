"""HICRA in verl: `trainer.v1.trainer_mode=hicra_sync +hicra.alpha=0.2` on verl's command line.

verl imports this module by itself, in every process that imports verl, wherever the package is
installed: it is an entry point of the group `verl.plugins`. The trainers are in `verl_v1`; those who
run `trainer.use_v1=false` want `verl_legacy` instead.
"""

import sys

try:
    from . import verl_v1  # noqa: F401
except Exception as error:
    # verl logs what a plugin raises at level DEBUG, and goes on.
    print(
        "hicra: cannot register verl's trainer modes hicra_sync, hicra_colocate_async and "
        f"hicra_separate_async: {type(error).__name__}: {error}",
        file=sys.stderr,
        flush=True,
    )
    raise
