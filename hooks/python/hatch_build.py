"""Bundles the TypeScript sidecar into one file of the package, so that a machine that trains needs no network."""

import shutil
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SidecarBundle(BuildHookInterface):
    def initialize(self, version, build_data):
        here = Path(self.root)
        bundle = here / "src/hicra_hook/sidecar.js"
        source = here.parent.parent / "_serve_command.ts"
        if not source.exists():
            # A source distribution holds the bundle and not the module it was made of.
            if bundle.exists():
                return
            raise FileNotFoundError(
                f"Cannot build hicra-hook as {source} must be there: "
                "build it in a checkout of the whole repository"
            )
        # In an isolated build the binary is on the PATH, where its own package does not look for it.
        deno = shutil.which("deno") or "deno"
        config = ["--config", str(source.parent / "deno.json")]
        subprocess.run(
            [deno, "bundle", "--quiet", "--minify", *config, "-o", bundle, source],
            check=True,
        )
