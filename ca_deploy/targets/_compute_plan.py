"""The device Core ML itself picks per operation: ``MLComputePlan`` in coremltools 8 and newer, macOS only."""

import sys
from dataclasses import replace
from pathlib import Path

from ca_deploy.delivery.scratch import temporary
from ca_deploy.records.compat import Evidence, Finding, Verdict

NEURAL_ENGINE = "the Neural Engine"


def preferred_devices(path: Path) -> dict[str, str]:
    """Name of an operation's first output -> the device that Core ML prefers for it; empty on other systems.

    Operations that the compiler fused into others are missing. Source: coremltools, ``models/compute_plan.py``.
    """
    if sys.platform != "darwin":
        return {}
    from coremltools.models.compute_device import MLCPUComputeDevice, MLGPUComputeDevice, MLNeuralEngineComputeDevice
    from coremltools.models.compute_plan import MLComputePlan
    from coremltools.models.utils import compile_model

    names = {
        MLNeuralEngineComputeDevice: NEURAL_ENGINE,
        MLGPUComputeDevice: "the GPU",
        MLCPUComputeDevice: "the CPU",
    }
    found = {}
    with temporary() as folder:
        plan = MLComputePlan.load_from_path(compile_model(str(path), str(folder / "model.mlmodelc")))
        for operation in plan.model_structure.program.functions["main"].block.operations:
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            if usage is not None and operation.outputs:
                found[operation.outputs[0].name] = names[type(usage.preferred_compute_device)]
    return found


def placed(finding: Finding, device: str) -> Finding:
    """The finding with Core ML's own placement in place of a hint."""
    if device == NEURAL_ENGINE:
        known = replace(finding, verdict=Verdict.ACCELERATED, reason="", remedy="", recipe="", introduces=())
    else:
        known = replace(finding, verdict=Verdict.FALLS_BACK, reason=f"Core ML prefers {device} for it on this Mac")
    return replace(known, evidence=Evidence.CHECKER, source="MLComputePlan")
