"""The TFLite exporter, on a tiny Coordinate-Attention network and on networks that it has never seen."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from ca_deploy.errors import ModelError, RecipeError, UsageError
from ca_deploy.formats import find_format
from ca_deploy.formats.tflite.camera_input import take_uint8
from ca_deploy.formats.tflite.convert import convert
from ca_deploy.graphs import flatbuffer
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.conversion import Converted
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.tensors import Preprocessing

SIZE = 32
RECIPES = [name for name in recipe_names() if name.startswith("tflite_")]
STATIC_INT8 = [name for name in RECIPES if name.startswith("tflite_static_wi8_ai8")]
Built = TypeVar("Built", bound=nn.Module)


class Expanding(nn.Module):
    """A foreign block: gates expanded as the authors do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate_h, self.gate_w = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        rows: Tensor = self.gate_h(x.mean(3, keepdim=True)).sigmoid().expand(-1, -1, h, w)
        columns: Tensor = self.gate_w(x.mean(2, keepdim=True)).sigmoid().expand(-1, -1, h, w)
        return x * columns * rows


class Tiny(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.BatchNorm2d(16), nn.ReLU6())
        self.attention = attention
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.attention(self.depthwise(self.stem(x)))).flatten(1))
        return logits


def network_of(module: nn.Module) -> Network:
    preprocessing = Preprocessing(SIZE, SIZE)
    return Network("tiny", module.eval(), SIZE, preprocessing, None, True, None, None, None, None)


def seeded(build: Callable[[], Built]) -> Built:
    torch.manual_seed(0)
    module = build().eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None:
            nn.init.uniform_(norm.running_var, 0.2, 1)
            nn.init.normal_(norm.bias)
    return module


def photos(count: int, seed: int) -> NDArray[np.uint8]:
    """Blurry coloured noise, uint8 ``(count, SIZE, SIZE, 3)``: neighbouring pixels agree, as in photos."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.uniform(0, 255, (count, 3, 6, 6)))
    fine = nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 255)
    return fine.permute(0, 2, 3, 1).numpy().astype(np.uint8)


def answers(network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        logits: NDArray[np.float32] = network.module(torch.from_numpy(network.preprocessing.normalise(rgb))).numpy()
    return logits


def run(path: Path, converted: Converted, network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Feed the file by nothing but what ``converted`` says of it."""
    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    (source,), (target,) = converted.inputs, converted.outputs
    feed = network.preprocessing.normalise(rgb).transpose(0, 2, 3, 1) if source.normalised else rgb
    if source.normalised and source.scale is not None and source.zero_point is not None:
        feed = np.clip(np.rint(feed / source.scale) + source.zero_point, -128, 127)
    feed = feed.astype(source.dtype)
    logits = np.concatenate([runner(**{source.name: image[None]})[target.name] for image in feed])
    if target.scale is not None and target.zero_point is not None:
        logits = (logits.astype(np.float32) - target.zero_point) * target.scale
    return logits.astype(np.float32)


def sqnr_db(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum()))


def export(network: Network, recipe: ExportRecipe, path: Path) -> Converted:
    calibration = photos(16, seed=1) if recipe.needs_calibration else None
    return find_format("tflite").load_exporter()(network, recipe, calibration, path, False, lambda _: None)


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(seeded(lambda: Tiny(CoordAttention(16))))


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Converted]]:
    """The network by every TFLite recipe."""
    folder = tmp_path_factory.mktemp("tflite")
    files = {}
    for name in RECIPES:
        path = folder / f"{name}.tflite"
        files[name] = path, export(network, load_recipe(name), path)
    return files


def test_float32_agrees_with_torch(network: Network, exported: dict[str, tuple[Path, Converted]]) -> None:
    rgb = photos(8, seed=2)
    found = run(*exported["tflite_float32"], network, rgb)
    assert np.abs(found - answers(network, rgb)).max() <= 1e-4


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_and_is_accurate(
    name: str, network: Network, exported: dict[str, tuple[Path, Converted]]
) -> None:
    rgb = photos(16, seed=3)
    assert sqnr_db(run(*exported[name], network, rgb), answers(network, rgb)) > 20


@pytest.mark.parametrize("name", RECIPES)
def test_inputs_and_outputs_are_as_described(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    recipe = load_recipe(name)
    interpreter = Interpreter(model_path=str(path))
    for specs, details in (
        (converted.inputs, interpreter.get_input_details()),
        (converted.outputs, interpreter.get_output_details()),
    ):
        (spec,), (detail,) = specs, details
        assert spec.name == detail["name"]
        assert spec.shape == tuple(detail["shape"])
        assert np.dtype(spec.dtype) == detail["dtype"]
        if spec.scale is not None:
            assert (np.float32(spec.scale), spec.zero_point) == detail["quantization"]
    expected = {"float32": ("float32", "float32"), "int8": ("int8", "int8"), "uint8rgb": ("uint8", "float32")}
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == expected[recipe.io]
    assert converted.inputs[0].normalised == (recipe.io != "uint8rgb")
    assert (converted.inputs[0].name, converted.outputs[0].name) == ("image", "logits")
    assert set(converted.tools) == {"torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert"}


@pytest.mark.parametrize("name", STATIC_INT8)
def test_static_int8_leaves_nothing_float(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    assert converted.float_operators == ()
    model = flatbuffer.read(path.read_bytes())
    tensors = model.subgraphs[0].tensors
    gates = [o for o in model.subgraphs[0].operators if flatbuffer.operator_name(model, o) == "LOGISTIC"]
    assert len(gates) == 2
    assert {float(tensors[gate.outputs[0]].quantization.scale[0]) for gate in gates} == {1 / 256}


def test_what_stays_float_is_told_with_its_reason(exported: dict[str, tuple[Path, Converted]]) -> None:
    _, converted = exported["tflite_static_wi8_ai16"]
    (hard_swish,) = converted.float_operators
    assert (hard_swish.operator, hard_swish.count) == ("HARD_SWISH", 1)
    assert "INT16" in hard_swish.reason
    _, converted = exported["tflite_dynamic_wi8_afp32"]
    stayed = {operator.operator for operator in converted.float_operators}
    assert "MUL" in stayed
    assert not stayed & set(flatbuffer.WEIGHTED)


@pytest.mark.parametrize("name", RECIPES)
def test_old_runtimes_find_every_buffer(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    """Inside the flatbuffer, at multiples of 16 bytes."""
    content = exported[name][0].read_bytes()
    assert content[4:8] == b"TFL3"
    model = schema.Model.GetRootAs(content)
    for number in range(model.BuffersLength()):
        buffer = model.Buffers(number)
        assert buffer.Offset() == 0
        if buffer.DataLength():
            start = buffer.DataAsNumpy().__array_interface__["data"][0] - np.frombuffer(content, np.uint8).ctypes.data
            assert start % 16 == 0


def test_two_exports_are_byte_identical(
    network: Network, exported: dict[str, tuple[Path, Converted]], tmp_path: Path
) -> None:
    path, _ = exported["tflite_static_wi8_ai8"]
    export(network, load_recipe("tflite_static_wi8_ai8"), tmp_path / "again.tflite")
    assert (tmp_path / "again.tflite").read_bytes() == path.read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()


def test_the_float32_file_lies_beside_the_integer_one(exported: dict[str, tuple[Path, Converted]]) -> None:
    _, converted = exported["tflite_static_wi8_ai8"]
    assert converted.float32_path is not None
    assert converted.float32_path.read_bytes() == exported["tflite_float32"][0].read_bytes()


def test_camera_input_before_a_float_model(network: Network, tmp_path: Path) -> None:
    model = convert(network, normalise=True)
    take_uint8(model)
    flatbuffer.name_input_and_output(model)
    (tmp_path / "camera.tflite").write_bytes(flatbuffer.write(model))
    runner = Interpreter(model_path=str(tmp_path / "camera.tflite")).get_signature_runner()
    rgb = photos(4, seed=4)
    found = np.concatenate([runner(image=image[None])["logits"] for image in rgb])
    assert np.abs(found - answers(network, rgb)).max() <= 1e-4


@pytest.mark.parametrize("program", [False, True])
def test_expanded_gates_export(program: bool, tmp_path: Path) -> None:
    module = seeded(lambda: Tiny(Expanding(16)))
    if program:
        saved = torch.export.export(module, (torch.zeros(1, 3, SIZE, SIZE),))
        torch.export.save(saved, tmp_path / "tiny.pt2")
        foreign = network_of(seeded(lambda: Tiny(Expanding(16))))
        foreign = Network(
            **{field: getattr(foreign, field) for field in foreign.__dataclass_fields__ if field != "module"},
            module=torch.export.load(tmp_path / "tiny.pt2").module(),
        )
    else:
        foreign = network_of(module)
    converted = export(foreign, load_recipe("tflite_float32"), tmp_path / "tiny.tflite")
    rgb = photos(1, seed=5)
    found = run(tmp_path / "tiny.tflite", converted, foreign, rgb)
    assert np.abs(found - answers(foreign, rgb)).max() <= 1e-4


def test_channels_of_zeros_keep_their_bias(tmp_path: Path) -> None:
    """Their weights have no scale of their own, and in one too small the bias overflows int32."""
    module = seeded(lambda: Tiny(CoordAttention(16)))
    assert isinstance(module.attention, CoordAttention)
    module.attention.open_gates()
    opened = network_of(module)
    converted = export(opened, load_recipe("tflite_static_wi8_ai8"), tmp_path / "opened.tflite")
    rgb = photos(16, seed=6)
    assert sqnr_db(run(tmp_path / "opened.tflite", converted, opened, rgb), answers(opened, rgb)) > 20


class Fourier(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.rfft2(x)
        return spectrum.abs().mean((2, 3))


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


class Weightless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))


@pytest.mark.parametrize(
    ("module", "recipe", "message"),
    [
        (Fourier(), "tflite_float32", "fft"),
        (Branching(), "tflite_float32", "torch.export"),
        (Weightless(), "tflite_dynamic_wi8_afp32", "Nothing was quantised"),
    ],
)
def test_networks_that_cannot_be_converted_are_refused(
    module: nn.Module, recipe: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        export(network_of(module), load_recipe(recipe), tmp_path / "refused.tflite")


def test_requests_that_make_no_sense_are_refused(network: Network, tmp_path: Path) -> None:
    exporter = find_format("tflite").load_exporter()
    with pytest.raises(UsageError, match="dynamic-batch"):
        exporter(network, load_recipe("tflite_float32"), None, tmp_path / "a.tflite", True, lambda _: None)
    with pytest.raises(RecipeError, match="calibration"):
        exporter(network, load_recipe("tflite_static_wi8_ai8"), None, tmp_path / "b.tflite", False, lambda _: None)
