"""What one INT8 scale leaves of each channel of an output, and what a float last stage rescues.

    python -m benchmarks.output_scales --formats onnx tflite coreml

Prints a Markdown table of outputs: the standard deviation of the narrowest channel in steps, for the bundled network
and those of tests/zoo. Then, for the networks of tests/formats/unlike.py and each format, the lowest SQNR of any
channel about its mean in dB on images that calibration has not seen, with an integer and with a float last stage.
Networks of the zoo and of that file have random weights.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ca_deploy import ModelSource
from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.errors import CaDeployError
from ca_deploy.formats import format_names
from ca_deploy.formats._channel_scales import FEWEST_STEPS, ChannelScales
from ca_deploy.networks.source import Network, load
from ca_deploy.recipes import load_recipe
from ca_deploy.records.samples import Samples
from tests.formats.unlike import KINDS, Exported
from tests.zoo.catalogue import CATALOGUE
from tests.zoo.images import samples


def narrowest(network: Network, given: Samples) -> Iterator[tuple[str, float]]:
    """Each float output with channels, and its narrowest channel in steps."""
    signature = network.signature
    scales = [ChannelScales() for _ in signature.outputs]
    with torch.inference_mode():
        for rows in signature.to_network(given).batches():
            found = network.module(*(torch.from_numpy(rows[taken.name]) for taken in signature.inputs))
            for one, value in zip(scales, found if isinstance(found, tuple) else (found,), strict=True):
                one.add(value.numpy())
    for output, one in zip(signature.outputs, scales, strict=True):
        steps = [values for values in one.steps(8).values() if not np.isnan(values).all()]
        if output.dtype.startswith("float") and output.activation not in ("sigmoid", "softmax") and steps:
            yield output.name, float(min(map(np.nanmin, steps)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="*", default=format_names())
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| network | output | narrowest channel, steps (limit {FEWEST_STEPS}) |\n|---|---|---|")
    bundled = load(ModelSource())
    images = load_calibration(load_spec(bundled.default_calibration or ""), bundled.signature).calibration
    for name, steps in narrowest(bundled, images):
        print(f"| {bundled.name} | {name} | {steps:.1f} |", flush=True)
    for entry in CATALOGUE:
        try:
            network = load(entry.source)
            found = list(narrowest(network, samples(32, network.signature, seed=0)))
        except CaDeployError:
            continue
        for name, steps in found:
            print(f"| {entry.name} | {name} | {steps:.1f} |", flush=True)
    print("\n| network | format | integer last stage, dB | float last stage, dB |\n|---|---|---|---|")
    for kind, build in KINDS.items():
        for format_name in args.formats:
            recipe = load_recipe(f"{format_name}_static_wi8_ai8")
            with tempfile.TemporaryDirectory() as folder:
                exported = Exported(build, format_name, Path(folder))
                figures = [exported.by(replace(recipe, last_stage=stage))[1] for stage in ("integer", "auto")]
            print(f"| {kind} | {format_name} | {figures[0]:.1f} | {figures[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
