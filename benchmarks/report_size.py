"""How large is the page of a report on 50 files, and how fast is it opened and sorted in Chromium?

    python benchmarks/report_size.py FOLDER

FOLDER holds real exports of one network, with what `profile --ops --json`, `check --json`, `evaluate --json` and
`attention --json` say of them. They are copied under new names until there are 50 files. Prints megabytes and seconds.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

import ca_deploy
from tests.browser import executable

FILES = 50


def copied(folder: Path, to: Path) -> int:
    """As many copies of the folder as make 50 files, each with files of its own name and content."""
    manifests = [path for path in folder.glob("*.json") if "recipe" in json.loads(path.read_text() or "{}")]
    stems = {path.name.split(".")[0] for path in manifests}
    assert len(stems) == 1, "one network"
    (stem,) = stems
    count = 0
    for number in range(-(-FILES // len(manifests))):
        for path in sorted(folder.iterdir()):
            place = to / str(number) / path.name.replace(stem, f"{stem}_{number}")
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".json":
                place.write_text(path.read_text().replace(stem, f"{stem}_{number}"))
            elif path.suffix == ".png":
                shutil.copy(path, place)
        count += len(manifests)
    for path in to.glob("*/*.json"):  # every file has a content of its own, or the records would belong to all copies
        text = path.read_text()
        for manifest in manifests:
            digest = json.loads(manifest.read_text())["sha256"]
            text = text.replace(digest, f"{int(path.parent.name):04x}{digest[4:]}")
        path.write_text(text)
    return count


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path)
with tempfile.TemporaryDirectory() as scratch:
    root = Path(scratch)
    count = copied(parser.parse_args().folder, root / "copies")
    began = time.perf_counter()
    made = ca_deploy.report(root / "copies", output=root / "report.html")
    print(f"{len(made.collection.files)} files of {count}, {len(made.collection.reports)} latency reports")
    print(f"made in {time.perf_counter() - began:.1f} s: {(root / 'report.html').stat().st_size / 1e6:.2f} MB")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(root), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        began = time.perf_counter()
        page.goto((root / "report.html").as_uri())
        opened = time.perf_counter() - began
        began = time.perf_counter()
        page.locator("#choice table th button").nth(2).click()
        print(f"opened in {opened:.2f} s, sorted in {time.perf_counter() - began:.2f} s (Chromium {browser.version})")
        browser.close()
