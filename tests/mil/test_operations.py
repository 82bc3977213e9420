"""Each MIL operation against coremltools' own inference of its value, where it has one, and against PyTorch.

All cases are outputs of one program, saved and read back, in float32 and in float16.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil.mil import Builder as mb
from torch.nn import functional

from ca_deploy.formats.coreml.package import save
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.operations import constant_operations, operations
from tests.mil.cases import CASES, INFERRED, INTEGERS, SHAPE, X, _random, t
from tests.mil.size_cases import SIZE_CASES

ALL_CASES = {**CASES, **SIZE_CASES}


def save_program(folder: Path, build: Callable[[Any], Any], precision: str, target: Any = ct.target.iOS17) -> Path:
    program = mb.program(input_specs=[mb.TensorSpec(shape=SHAPE)], opset_version=target)(build)
    model = ct.convert(
        program,
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32 if precision == "float32" else ct.precision.FLOAT16,
        minimum_deployment_target=target,
        pass_pipeline=ct.PassPipeline.EMPTY if precision == "float32" else ct.PassPipeline.DEFAULT,
        skip_model_load=True,
    )
    path = folder / f"{precision}.mlpackage"
    save(model.get_spec(), Path(model.weights_dir), path)
    return path


@pytest.fixture(scope="module", params=["float32", "float16"])
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    def build(x: Any) -> Any:
        for name, (case, _) in ALL_CASES.items():  # a copy: inferring relu's value changes its input (coremltools 9)
            INFERRED[name] = getattr(case(mb.const(val=X.copy())), "val", None)
        return tuple(mb.identity(x=case(x), name=f"{name}_out") for name, (case, _) in ALL_CASES.items())

    path = save_program(tmp_path_factory.mktemp("operations"), build, request.param)
    executor = Executor(path)
    given = executor.program.inputs[0].name
    found = executor.run({given: X.astype(np.float16).astype(np.float32) if request.param == "float16" else X})
    return {"precision": request.param, **{name.removesuffix("_out"): value for name, value in found.items()}}


@pytest.mark.parametrize("name", ALL_CASES)
def test_operation_agrees_with_pytorch_and_coremltools(answers: dict[str, Any], name: str) -> None:
    _, expected = ALL_CASES[name]
    exact = answers["precision"] == "float32"
    x = t(X) if exact else t(X).half().float()
    rtol, atol = (1e-5, 1e-5) if exact else (1e-2, 4e-2)
    np.testing.assert_allclose(answers[name], expected(x).numpy(), rtol=rtol, atol=atol)
    if exact and INFERRED[name] is not None:
        np.testing.assert_allclose(answers[name], INFERRED[name], rtol=rtol, atol=atol)


def test_every_operation_has_a_case(answers: dict[str, Any]) -> None:
    pairs = {"quantize", "dequantize"} if "quantize_signed" in ALL_CASES else set()
    elsewhere = {"classify", "non_maximum_suppression"}  # tests/formats/coreml/test_classifier.py, test_suppression.py
    assert set(operations()) - set(ALL_CASES) - pairs - elsewhere == set()
    assert sum(value is not None for value in INFERRED.values()) > 40


def test_newer_compressed_weights(tmp_path: Path) -> None:
    """Those of iOS 18: blocks, and one table of 6 bits per group of channels."""
    blocks = _random.uniform(0.01, 0.1, (5, 2)).astype(np.float16)
    tables = np.sort(_random.normal(size=(5, 1, 64, 1)), axis=2).astype(np.float16)
    from coremltools.converters.mil.mil.types import np_uint6_dtype

    six_bits = _random.integers(0, 64, (5, 8))

    def build(x: Any) -> Any:
        x = mb.cast(x=x, dtype="fp16")
        shifted = mb.constexpr_blockwise_shift_scale(data=INTEGERS, scale=blocks, offset=np.full((5, 2), 2, np.int8))
        looked_up = mb.constexpr_lut_to_dense(indices=six_bits.astype(np_uint6_dtype), lut=tables)
        scaled = mb.constexpr_blockwise_shift_scale(data=looked_up, scale=np.full((5, 1), 0.5, np.float16))
        both = [mb.linear(x=x, weight=weight) for weight in (shifted, scaled)]
        return tuple(mb.cast(x=value, dtype="fp32", name=f"y{number}") for number, value in enumerate(both))

    found = Executor(save_program(tmp_path, build, "float32", ct.target.iOS18)).run({"x": X})
    x = t(X).half().float()
    weights = (
        (t(INTEGERS) - 2) * t(blocks).repeat_interleave(4, 1),
        torch.take_along_dim(t(tables[:, 0, :, 0]), torch.from_numpy(six_bits), 1) / 2,
    )
    for number, weight in enumerate(weights):
        np.testing.assert_allclose(found[f"y{number}"], functional.linear(x, weight).numpy(), rtol=1e-2, atol=1e-2)


def test_the_list_of_compressed_weights_is_complete() -> None:
    assert set(constant_operations()) == {
        "constexpr_affine_dequantize",
        "constexpr_blockwise_shift_scale",
        "constexpr_lut_to_dense",
    }
