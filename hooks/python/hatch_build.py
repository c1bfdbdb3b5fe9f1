"""Bundles the TypeScript sidecar into one file of the package, so that a machine that trains needs no network.

Beside it go the licenses of what is bundled with it, which ask for that.
"""

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LICENSE_FILES = ("licen[cs]e*", "notice*", "copying*")


class SidecarBundle(BuildHookInterface):
    def initialize(self, version, build_data):
        here = Path(self.root)
        package = here / "src/hicra_hook"
        bundle, notices = package / "sidecar.js", package / "THIRD_PARTY_NOTICES.txt"
        source = here.parent.parent / "cli/serve_command.ts"
        if not source.exists():
            # A source distribution holds the bundle and not the module it was made of.
            if bundle.exists() and notices.exists():
                return
            raise FileNotFoundError(
                f"Cannot build hicra-hook as {source} must be there: "
                "build it in a checkout of the whole repository"
            )
        # In an isolated build the binary is on the PATH, where its own package does not look for it.
        deno = shutil.which("deno") or "deno"
        config = ["--config", str(source.parent.parent / "deno.json")]
        # Its map says which files were bundled; it is not part of the package.
        options = ["--quiet", "--minify", "--sourcemap=external"]
        with TemporaryDirectory() as folder:
            made = Path(folder).resolve() / "sidecar.js"
            subprocess.run(
                [deno, "bundle", *options, *config, "-o", str(made), str(source)], check=True
            )
            files = json.loads(made.with_name("sidecar.js.map").read_text())["sources"]
            roots = {package_of((made.parent / file).resolve()) for file in files}
            text = third_party_notices(sorted(root for root in roots if root is not None))
            shutil.copyfile(made, bundle)
        notices.write_text(text, encoding="utf-8")


def package_of(file):
    """The folder of the npm package that a file is of; None for a file of our own."""
    for folder in file.parents:
        if (folder / "deno.json").exists() and (folder / "cli/serve_command.ts").exists():
            return None
        manifest = folder / "package.json"
        # Folders inside a package may have one that says but how to read their files.
        if manifest.exists() and "version" in json.loads(manifest.read_text(encoding="utf-8")):
            return folder
    raise FileNotFoundError(f"Cannot build hicra-hook as {file} must be of a package: of none")


def third_party_notices(packages):
    """Name, version and license of every package, and the texts that come with it."""
    parts = ["sidecar.js holds code of these packages besides that of hicra.\n"]
    for folder in packages:
        manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        name = f"{manifest['name']} {manifest['version']}"
        texts = [
            file.read_text(encoding="utf-8").strip()
            for file in sorted(folder.iterdir())
            if any(Path(file.name.lower()).match(pattern) for pattern in LICENSE_FILES)
        ]
        if not texts:
            raise FileNotFoundError(
                f"Cannot build hicra-hook as {name} must come with its license: {folder} has none"
            )
        parts.append("\n\n".join([f"{'-' * 80}\n{name}, {manifest['license']}", *texts]) + "\n")
    return "\n".join(parts)
