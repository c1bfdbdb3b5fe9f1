"""`python -m hicra_hook serve --socket PATH`: the sidecar of this package by itself, for many clients."""

import os
import sys

from ._process import BUNDLE, find_deno

# It listens where it is told to, and reads its token file; a sidecar that a hook starts is given less.
permissions = ["--allow-net", "--allow-read", "--allow-write", "--allow-sys=uid"]
deno = find_deno()
os.execv(deno, [deno, "run", "--quiet", "--no-config", *permissions, str(BUNDLE), *sys.argv[1:]])
