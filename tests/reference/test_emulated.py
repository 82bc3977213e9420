"""Exact counts of instructions, and the very results of the ARM kernels, without ARM hardware."""

import json
from pathlib import Path

import numpy as np
import pytest

from ca_deploy.devices import open_device
from ca_deploy.devices.emulated import Emulated
from ca_deploy.errors import DeviceError, RuntimeUnavailable, UsageError
from ca_deploy.latency import runner_output
from ca_deploy.native import emulator
from ca_deploy.native.bundle import runner_command
from ca_deploy.pipeline.export import Export
from ca_deploy.records.devices import InstructionCounts
from ca_deploy.runtimes import open_session
from tests.devices.kit import Kit
from tests.reference.one_inference import ONCE, command_for

PROCESSORS = tuple(emulator.PROCESSORS)


def count(processor: str, model: Path, image: Path, answer: Path) -> InstructionCounts:
    with open_device(f"emulated:{processor}") as device:
        assert isinstance(device, Emulated)
        done, counts = device.count(command_for(device, "litert", model, image), 300)
        assert b'"runtime":"litert"' in done.stdout
        assert counts is not None
        device.pull(f"{device.scratch()}/answer0.bin", answer)
    return counts


def test_counts_repeat_and_int8_is_the_same_to_the_bit_everywhere(
    arm_kit: Kit, reference_exports: dict[str, Export], tmp_path: Path
) -> None:
    model, image = reference_exports["tflite_static_wi8_ai8"].path, tmp_path / "image.bin"
    session = open_session(model)
    pixels = np.random.default_rng(0).normal(size=session.inputs[0].shape).astype(np.float32)
    image.write_bytes(pixels.tobytes())
    here = next(iter(session.run({session.inputs[0].name: pixels}).values()))
    counts = {}
    for processor in PROCESSORS:
        counts[processor] = count(processor, model, image, tmp_path / "answer.bin")
        there = np.frombuffer((tmp_path / "answer.bin").read_bytes(), here.dtype)
        np.testing.assert_array_equal(there, here.ravel(), err_msg=processor)
    assert count("cortex-a76", model, image, tmp_path / "again.bin") == counts["cortex-a76"]
    # Dot products came with Armv8.2, and INT8 needs about half the instructions with them.
    assert counts["cortex-a53"].dot_product == counts["cortex-a72"].dot_product == 0
    assert 0 < counts["cortex-a76"].dot_product < counts["cortex-a76"].simd < counts["cortex-a76"].total
    assert counts["cortex-a76"].total < counts["cortex-a53"].total
    for found in counts.values():
        assert found.simd + found.load_store + found.branch <= found.total


def test_time_by_operator_tells_xnnpack_from_the_rest(arm_kit: Kit, reference_exports: dict[str, Export]) -> None:
    model = reference_exports["tflite_static_wi8_ai8"].path
    with open_device("emulated:cortex-a76") as device:
        command = runner_command(device.probe(), "litert")
        places = device.push([*command.files, model])
        done = device.run([*command.argv(places), "--model", places[model], *ONCE, "--ops"], 300)
    report = json.loads(done.stdout)
    delegate, others = report["delegate"], [op["type"] for op in report["ops"] if op["delegate"] is None]
    assert [op["index"] for op in report["ops"]] == list(range(len(report["ops"])))
    assert delegate["delegated_nodes"] > 0
    assert delegate["total_nodes"] - delegate["delegated_nodes"] == len(others)


def test_a_runner_that_fails_says_why(arm_kit: Kit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    with open_device("emulated:cortex-a53") as device:
        assert isinstance(device, Emulated)
        command = runner_command(device.probe(), "litert")
        places = device.push([*command.files, broken])
        done, counts = device.count([*command.argv(places), "--model", places[broken]], 60)
        assert counts is None
        with pytest.raises(RuntimeUnavailable, match="cannot be read as a TFLite model"):
            runner_output.parse(done, broken.name, device.name)
        with pytest.raises(DeviceError, match="timed no inference"):
            device.count([*command.argv(places), "--probe"], 60)


def test_only_processors_that_are_right_are_offered() -> None:
    with pytest.raises(UsageError, match="cortex-a72"):
        open_device("emulated:cortex-a71")
    with pytest.raises(UsageError):
        open_device("emulated:max")  # computes some INT8 results wrongly in QEMU 7.2
