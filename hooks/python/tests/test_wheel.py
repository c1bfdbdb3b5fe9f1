"""The wheel: what it holds besides Python, and under which licenses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="hatchling builds the wheel")

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=HERE, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """Folders of the npm packages that the sidecar's bundle holds code of, by name and version."""
    made = tmp_path_factory.mktemp("bundle") / "sidecar.js"
    options = ["--quiet", "--sourcemap=external", "--config", str(ROOT / "deno.json")]
    subprocess.run(
        ["deno", "bundle", *options, "-o", str(made), str(ROOT / "cli/serve_command.ts")],
        check=True,
    )
    sources = json.loads(made.with_name("sidecar.js.map").read_text())["sources"]
    found = {}
    for source in sources:
        package = re.search(r"(.*/npm/.+?/((?:@[^/]+/)?[^/]+)/(\d+\.\d+\.\d+[^/]*))/", source)
        if package is not None:
            folder, name, version = package.groups()
            found[name, version] = made.parent / folder
    return found


def test_it_holds_the_notice_of_every_package_that_is_bundled(wheel, bundled):
    notices = wheel["hicra_hook/THIRD_PARTY_NOTICES.txt"].decode()
    assert {"commander", "zod"} <= {name for name, _ in bundled}
    for (name, version), folder in bundled.items():
        manifest = json.loads((folder / "package.json").read_text())
        assert f"{name} {version}, {manifest['license']}\n" in notices
        (license_,) = folder.glob("LICENSE*")
        assert license_.read_text().strip() in notices
    assert len(re.findall(r"^-{80}$", notices, re.M)) == len(bundled)


def test_its_metadata_names_all_licenses(wheel, bundled):
    (metadata,) = (text for name, text in wheel.items() if name.endswith(".dist-info/METADATA"))
    fields = message_from_bytes(metadata)
    expression = set(fields["License-Expression"].split(" AND "))
    folders = bundled.values()
    theirs = {json.loads((f / "package.json").read_text())["license"] for f in folders}
    assert expression == {"MIT"} | theirs
    assert fields.get_all("License-File") == ["LICENSE"]


def test_it_holds_our_license_and_no_map(wheel):
    (license_,) = (text for name, text in wheel.items() if name.endswith("licenses/LICENSE"))
    assert license_ == (ROOT / "LICENSE").read_bytes()
    assert "hicra_hook/sidecar.js" in wheel
    assert not [name for name in wheel if name.endswith(".map")]
