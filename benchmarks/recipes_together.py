"""How much do the recipes of a format save when exported together, compared with one export per recipe?

    python benchmarks/recipes_together.py tflite_float32 tflite_float16 tflite_static_wi8_ai8

Prints wall and CPU seconds of both.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time


def export(recipes: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one ``ca-deploy export``."""
    command = [sys.executable, "-m", "ca_deploy.cli", "export"]
    for recipe in recipes:
        command += ["--recipe", recipe]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--output", folder], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("recipes", nargs="+")
recipes = parser.parse_args().recipes
together, alone = export(recipes), [export([recipe]) for recipe in recipes]
print(f"together: {together[0]:.0f} s, {together[1]:.0f} s of CPU")
print(f"separately: {sum(wall for wall, _ in alone):.0f} s, {sum(cpu for _, cpu in alone):.0f} s of CPU")
