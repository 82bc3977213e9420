"""Good models of every format, made in a moment: sets of files by name."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.good_files import Files, made


def models_onnx() -> list[Files]:
    """A convolution in float, one between conversions to INT8, two branches, and many operators."""
    import onnx
    from onnx import TensorProto, helper

    from tests import onnx_models
    from tests.latency.models import onnx_file

    def quantised(folder: Path) -> None:
        names = [("x", "a"), ("a", "b"), ("y0", "c"), ("c", "y")]
        convert = [
            helper.make_node(kind, [given, "s", "z"], [made_], f"q/{made_}")
            for kind, (given, made_) in zip(("QuantizeLinear", "DequantizeLinear") * 2, names, strict=True)
        ]
        nodes = [*convert[:2], helper.make_node("Conv", ["b", "w"], ["y0"], "features.0/Conv"), *convert[2:]]
        constants = [
            helper.make_tensor("s", TensorProto.FLOAT, [], [0.1]),
            helper.make_tensor("z", TensorProto.INT8, [], [0]),
            helper.make_tensor("w", TensorProto.FLOAT, [2, 2, 1, 1], [1.0, 2.0, 3.0, 4.0]),
        ]
        onnx_models.onnx_file(folder / "x.onnx", nodes, [1, 2, 4, 4], initializer=constants)

    def branches(folder: Path) -> None:
        one = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
        yes, no = (helper.make_graph([helper.make_node(k, ["x"], ["r"])], k, [], [one]) for k in ("Relu", "Abs"))
        condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
        node = helper.make_node("If", ["c"], ["y"], "choice", then_branch=yes, else_branch=no)
        onnx_models.onnx_file(folder / "x.onnx", [node], [1, 4], initializer=[condition])

    def many(folder: Path) -> None:
        constants = {
            **{
                "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
                "scales": np.array([1, 1, 2, 2], np.float32),
                "flat": np.array([1, -1]),
            },
            **{
                "m": np.ones((128, 3), np.float32),
                "starts": np.array([0]),
                "ends": np.array([2]),
                "axes": np.array([1]),
            },
            **{"w": np.ones((2, 2, 2, 2), np.float32), "b": np.ones(3, np.float32), "places": np.array([0, 2])},
        }
        steps: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
            *(
                ("Pad", ("pads",), {}),
                ("MaxPool", (), {"kernel_shape": [3, 3]}),
                ("Clip", (), {}),
                ("HardSwish", (), {}),
            ),
            *(("ConvTranspose", ("w",), {"strides": [2, 2]}), ("Slice", ("starts", "ends", "axes"), {})),
            *(("AveragePool", (), {"kernel_shape": [4, 4], "strides": [4, 4]}), ("Resize", ("", "scales"), {})),
            *(("Transpose", (), {"perm": [0, 2, 3, 1]}), ("Reshape", ("flat",), {}), ("Gemm", ("m", "b"), {})),
            *(("Softmax", (), {"axis": 1}), ("Gather", ("places",), {"axis": 1}), ("Unsqueeze", ("axes",), {})),
        )
        nodes = [
            helper.make_node(
                kind, ["x" if n == 0 else f"t{n}", *more], ["y" if n == len(steps) - 1 else f"t{n + 1}"], **options
            )
            for n, (kind, more, options) in enumerate(steps)
        ]
        written = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
        onnx_models.onnx_file(folder / "x.onnx", nodes, [1, 2, 8, 8], initializer=written)

    return made(lambda folder: onnx_file(folder / "x.onnx", 8, 2), quantised, branches, many)


def models_tflite() -> list[Files]:
    """A convolution in INT8, an attention in float, branches, and two signatures."""
    from ca_deploy.graphs import flatbuffer
    from tests.latency.models import tflite_file
    from tests.targets.test_whole import branches, signatures
    from tests.tflite_models import Model

    def small(folder: Path) -> None:
        model = Model()
        x = model.conv(model.input((1, 4, 4, 2)), (1, 4, 4, 2), 2, "features.0")
        model.add("HARD_SWISH", [x], (1, 4, 4, 2), name="features.0.act")
        model.save(folder / "x.tflite")

    more = [
        lambda folder, make=make: (folder / "x.tflite").write_bytes(flatbuffer.write(make()))
        for make in (branches, signatures)
    ]
    return made(small, lambda folder: tflite_file(folder / "x.tflite", 4), *more)


def models_to_check() -> list[Files]:
    """More TFLite models, among them ones that no delegate takes whole."""
    from ca_deploy.graphs import flatbuffer
    from tests.targets.counts import models

    names = (
        "chain, int8",
        "dilated",
        "custom operator",
        "shapes at run time",
        "a loop",
        "1 of the authors' blocks, int8",
    )
    found = dict(models())
    return [*models_tflite(), *({"x.tflite": flatbuffer.write(found[name])} for name in names)]


def packages() -> list[Files]:
    from tests.mil.test_package import write_package

    return made(*(lambda folder, op=op: write_package(folder / "x.mlpackage", op) for op in ("add", "mul")))


def programs() -> list[Files]:
    from tests.programs import hostile

    with tempfile.TemporaryDirectory() as folder:
        return [{"x.pt2": hostile.programs(Path(folder))["plain"].read_bytes()}]
