"""The ONNX files are right: they compute what PyTorch computes, carry no local paths, and say what they are."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from torch import nn

from ca_deploy.errors import ModelError, RecipeError
from ca_deploy.formats import find_format
from ca_deploy.formats.onnx.bias_correction import correct_biases
from ca_deploy.formats.onnx.calibrate import activation_ranges
from ca_deploy.formats.onnx.convert import to_onnx
from ca_deploy.formats.onnx.export import export
from ca_deploy.formats.onnx.quantise import quantise_static
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.conversion import Converted
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.tensors import Preprocessing
from ca_deploy.runtimes._exact_sums import exact_sums

SIZE = 32
RECIPES = [name for name in recipe_names() if name.startswith("onnx_")]
Export = Callable[..., tuple[Converted, Path]]

NET_SOURCE = """
from torch import nn
from ca_deploy.models.coord_attention import CoordAttention

def build():
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
    return nn.Sequential(stem, CoordAttention(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4))
"""


class TinyNet(nn.Module):
    """One block of the paper's kind: 3 -> 16 channels, attention, 4 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.attention = CoordAttention(16)
        self.project = nn.Sequential(nn.Conv2d(16, 24, 1, bias=False), nn.BatchNorm2d(24))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.classifier(self.pool(self.project(self.attention(self.stem(x)))).flatten(1))
        return y


def as_network(module: nn.Module, name: str = "tiny") -> Network:
    return Network(name, module.eval(), SIZE, Preprocessing(SIZE, SIZE), None, True, None, None, None, None)


def photos(count: int, seed: int) -> np.ndarray:
    """Smooth coloured noise: uint8 ``(count, SIZE, SIZE, 3)``."""
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    smooth = nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bilinear")
    return (smooth * 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


@pytest.fixture(scope="module")
def network() -> Network:
    """Random weights, but BatchNorm statistics of real activations, as after training."""
    torch.manual_seed(0)
    tiny = as_network(TinyNet())
    for norm in (module for module in tiny.module.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = None  # average over all batches seen, here one
    with torch.no_grad():
        tiny.module.train()(torch.from_numpy(tiny.preprocessing.normalise(photos(64, seed=1))))
    return as_network(tiny.module)


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export the tiny network once a recipe and batch kind."""
    done: dict[tuple[str, bool], tuple[Converted, Path]] = {}

    def get(recipe: str | ExportRecipe, dynamic_batch: bool = False) -> tuple[Converted, Path]:
        loaded = load_recipe(recipe) if isinstance(recipe, str) else recipe
        key = (loaded.name, dynamic_batch)
        if key not in done:
            path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
            done[key] = (export(network, loaded, photos(128, seed=2), path, dynamic_batch, lambda _: None), path)
        return done[key]

    return get


def feed(converted: Converted, network: Network, rgb: np.ndarray) -> np.ndarray:
    spec = converted.inputs[0]
    if not spec.normalised:
        return rgb
    image = network.preprocessing.normalise(rgb)
    if spec.scale is None or spec.zero_point is None:
        return image
    levels: NDArray[np.float32] = np.clip(np.round(image / np.float32(spec.scale)) + spec.zero_point, -128, 127)
    return levels.astype(np.int8)


def exact_session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    for name, value in next(iter(exact_sums(model)), {}).items():
        options.add_session_config_entry(name, value)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(converted: Converted, path: Path, images: np.ndarray, batch: int = 1) -> np.ndarray:
    session = exact_session(onnx.load(path))
    out = [session.run(None, {"image": images[i : i + batch]})[0] for i in range(0, len(images), batch)]
    logits: np.ndarray = np.concatenate(out)
    spec = converted.outputs[0]
    if spec.scale is not None and spec.zero_point is not None:
        logits = (logits.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
    return logits


def reference(network: Network, rgb: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        logits: np.ndarray = network.module(torch.from_numpy(network.preprocessing.normalise(rgb))).numpy()
    return logits


def sqnr_db(logits: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10((wanted**2).sum() / ((logits - wanted) ** 2).sum()))


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_computes_what_pytorch_computes(recipe: str, exported: Export, network: Network) -> None:
    converted, path = exported(recipe)
    rgb = photos(16, seed=3)
    logits, wanted = run(converted, path, feed(converted, network, rgb)), reference(network, rgb)
    tolerances = load_recipe(recipe).tolerances
    if tolerances.max_abs_error is not None:
        assert np.abs(logits - wanted).max() <= tolerances.max_abs_error
    else:
        assert sqnr_db(logits, wanted) >= 20


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_file_is_whole_checked_and_described(recipe: str, exported: Export) -> None:
    converted, path = exported(recipe)
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert not any(constant.external_data for constant in model.graph.initializer)
    assert "Identity" not in converted.operators
    assert "BatchNormalization" not in converted.operators
    assert [spec.name for spec in (*converted.inputs, *converted.outputs)] == ["image", "logits"]
    assert sum(converted.operators.values()) == len(model.graph.node)
    assert set(converted.tools) == {"torch", "onnx", "onnxscript", "onnxruntime"}
    assert next(o.version for o in model.opset_import if o.domain == "") == load_recipe(recipe).opset


@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_float16", "onnx_static_wi8_ai8"])
def test_nodes_name_their_module_and_no_local_path(recipe: str, exported: Export) -> None:
    _, path = exported(recipe)
    content = path.read_bytes()
    for local in (str(Path(__file__).parent), str(Path(torch.__file__).parent), "stack_trace", ".py"):
        assert local.encode() not in content
    nodes = {node.name: node for node in onnx.load(path).graph.node}
    assert {"stem.0/Conv", "attention.conv1/Conv", "attention.conv_h/Conv", "attention/Split"} <= nodes.keys()
    scopes = {entry.key: entry.value for entry in nodes["attention.conv_h/Conv"].metadata_props}
    assert "attention.conv_h" in scopes["pkg.torch.onnx.name_scopes"]


@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_static_wi8_ai8"])
def test_two_checkouts_give_the_same_bytes(recipe: str, tmp_path: Path) -> None:
    files: list[bytes] = []
    for checkout in ("here", "elsewhere/deeper"):
        source = tmp_path / checkout / "net_of_test.py"
        source.parent.mkdir(parents=True)
        source.write_text("\n" * len(files) + NET_SOURCE)
        spec = importlib.util.spec_from_file_location("net_of_test", source)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        torch.manual_seed(0)
        path = source.with_suffix(".onnx")
        export(as_network(module.build()), load_recipe(recipe), photos(4, seed=2), path, False, lambda _: None)
        files.append(path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_static_wi8_ai8", "onnx_static_wi8_ai8_uint8rgb_io"])
def test_dynamic_batch_takes_one_and_four(recipe: str, exported: Export, network: Network) -> None:
    converted, path = exported(recipe, dynamic_batch=True)
    assert converted.inputs[0].shape[0] == converted.outputs[0].shape[0] == -1
    graph = onnx.load(path).graph
    assert {value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)} == {"batch"}
    images = feed(converted, network, photos(4, seed=3))
    np.testing.assert_allclose(run(converted, path, images, 4), run(converted, path, images, 1), atol=1e-5)


def test_static_int8_is_signed_and_per_channel(exported: Export) -> None:
    converted, path = exported("onnx_static_wi8_ai8")
    graph = onnx.load(path).graph
    constants = {constant.name: constant for constant in graph.initializer}
    produced = {name: node for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 5
    for node in convolutions:
        image, weight = (produced[name] for name in node.input[:2])
        assert image.op_type == weight.op_type == "DequantizeLinear"
        assert constants[weight.input[0]].data_type == TensorProto.INT8
        assert constants[weight.input[1]].dims == constants[weight.input[0]].dims[:1]
        assert constants[image.input[2]].data_type == TensorProto.INT8
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == ("float32", "float32")


def test_sigmoid_gates_have_a_fixed_scale(exported: Export) -> None:
    graph = onnx.load(exported("onnx_static_wi8_ai8")[1]).graph
    constants = {value.name: numpy_helper.to_array(value).item() for value in graph.initializer if not value.dims}
    for gate in (node.output[0] for node in graph.node if node.op_type == "Sigmoid"):
        quantise = next(node for node in graph.node if gate in node.input)
        assert [constants[name] for name in quantise.input[1:]] == [1 / 256, -128]


def test_int8_io_says_how_to_feed_it(exported: Export) -> None:
    converted, path = exported("onnx_static_wi8_ai8_int8_io")
    for spec in (*converted.inputs, *converted.outputs):
        assert spec.dtype == "int8"
        assert spec.scale is not None and spec.scale > 0
        assert spec.zero_point is not None and -128 <= spec.zero_point <= 127
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert (session.get_inputs()[0].type, session.get_outputs()[0].type) == ("tensor(int8)", "tensor(int8)")


def test_camera_image_is_normalised_inside_exactly(exported: Export, network: Network) -> None:
    """In float, where nothing else differs: the padded border has to be right, too."""
    recipe = replace(load_recipe("onnx_float32"), name="camera", io="uint8rgb")
    converted, path = exported(recipe)
    spec = converted.inputs[0]
    assert (spec.shape, spec.dtype, spec.layout, spec.normalised) == ((1, SIZE, SIZE, 3), "uint8", "NHWC", False)
    rgb = photos(4, seed=3)
    assert np.abs(run(converted, path, rgb) - reference(network, rgb)).max() <= 1e-4


def test_float16_keeps_float32_at_both_ends(exported: Export) -> None:
    converted, path = exported("onnx_float16")
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == ("float32", "float32")
    weights = [c for c in onnx.load(path).graph.initializer if c.name.endswith("weight")]
    assert {weight.data_type for weight in weights} == {TensorProto.FLOAT16}


def test_what_stays_float_is_found_and_explained(exported: Export) -> None:
    static = {op.operator: op for op in exported("onnx_static_wi8_ai8")[0].float_operators}
    assert static["Div"].count == 1
    assert "float" in static["Div"].reason
    assert static.keys() == {"Div", "ReduceMean"}  # and so not Split, Transpose, Concat, Reshape, which move int8
    camera = exported("onnx_static_wi8_ai8_uint8rgb_io")[0].float_operators
    assert any("camera" in op.reason for op in camera)
    dynamic = {op.operator: op for op in exported("onnx_dynamic_wi8_afp32")[0].float_operators}
    assert dynamic["Conv"].count == 5
    assert "MatMul and Gemm" in dynamic["Conv"].reason
    assert not {"Gemm", "MatMul"} & dynamic.keys()
    assert exported("onnx_float32")[0].float_operators == ()


def test_program_is_exported_but_keeps_its_batch(network: Network, tmp_path: Path) -> None:
    program = as_network(nn.Identity())
    program = replace(program, module=torch.export.export(network.module, (network.example(),)).module())
    converted = export(program, load_recipe("onnx_float32"), None, tmp_path / "p.onnx", False, lambda _: None)
    rgb = photos(2, seed=3)
    logits = run(converted, tmp_path / "p.onnx", feed(converted, network, rgb))
    assert np.abs(logits - reference(network, rgb)).max() <= 1e-4
    with pytest.raises(ModelError, match="--dynamic-batch"):
        export(program, load_recipe("onnx_float32"), None, tmp_path / "p.onnx", True, lambda _: None)


class Bessel(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bent: torch.Tensor = torch.special.bessel_j0(x)
        return bent


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


def test_operation_without_onnx_form_is_named_with_its_module(tmp_path: Path) -> None:
    strange = as_network(nn.Sequential(nn.Conv2d(3, 4, 3), Bessel(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(ModelError, match=r"bessel_j0.*in its module '1'"):
        export(strange, load_recipe("onnx_float32"), None, tmp_path / "s.onnx", False, lambda _: None)


def test_branching_on_values_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be traced"):
        export(as_network(Branching()), load_recipe("onnx_float32"), None, tmp_path / "b.onnx", False, lambda _: None)


@pytest.mark.parametrize("recipe", ["onnx_static_wi8_ai8", "onnx_dynamic_wi8_afp32"])
def test_a_file_that_would_silently_stay_float_is_refused(recipe: str, tmp_path: Path) -> None:
    class Exponential(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.exp().mean((2, 3))

    with pytest.raises(ModelError, match="Nothing in this network could be quantised"):
        export(as_network(Exponential()), load_recipe(recipe), photos(2, 2), tmp_path / "e.onnx", False, lambda _: None)


def test_int8_io_is_refused_where_the_first_operation_stays_float(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Hardswish(), nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 4))
    with pytest.raises(ModelError, match="first operation"):
        recipe = load_recipe("onnx_static_wi8_ai8_int8_io")
        export(as_network(module), recipe, photos(2, 2), tmp_path / "h.onnx", False, lambda _: None)


def test_sixteen_bit_activations_are_refused(network: Network, tmp_path: Path) -> None:
    recipe = replace(load_recipe("onnx_static_wi8_ai8"), activation_bits=16)
    with pytest.raises(RecipeError, match="8 bits"):
        export(network, recipe, photos(2, 2), tmp_path / "x.onnx", False, lambda _: None)


def test_an_opset_that_cannot_be_had_is_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="opset = 18"):
        recipe = replace(load_recipe("onnx_float32"), opset=15)
        export(network, recipe, None, tmp_path / "o.onnx", False, lambda _: None)


def test_an_integer_file_comes_with_its_float32_twin(exported: Export, network: Network) -> None:
    converted, _ = exported("onnx_static_wi8_ai8")
    assert converted.float32_path is not None
    rgb = photos(2, seed=3)
    logits = run(exported("onnx_float32")[0], converted.float32_path, network.preprocessing.normalise(rgb))
    assert np.abs(logits - reference(network, rgb)).max() <= 1e-4
    assert exported("onnx_float32")[0].float32_path is None


def test_biases_are_corrected_where_rounding_shifts_the_mean() -> None:
    """One convolution whose weights all round down: its quantised outputs keep the float mean only if corrected."""
    convolution = nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        convolution.weight.fill_(0.4 / 127)
        convolution.weight[:, 0, 0, 0] = 1.0
    single = as_network(nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    model = to_onnx(single, 18, dynamic_batch=False)
    images = single.preprocessing.normalise(photos(16, seed=2))
    quantised = quantise_static(model, activation_ranges(model, images, "min_max", 100))
    wanted = reference(single, photos(16, seed=2)).mean(axis=0)
    before = np.abs(mean_logits(quantised, images) - wanted).max()
    correct_biases(quantised, model, images)
    assert np.abs(mean_logits(quantised, images) - wanted).max() < before / 4


def mean_logits(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = exact_session(model)
    logits: np.ndarray = np.concatenate([session.run(None, {"image": image[None]})[0] for image in images]).mean(axis=0)
    return logits


def test_percentile_cuts_both_ends(exported: Export, network: Network) -> None:
    model = onnx.load(exported("onnx_float32")[1])
    images = network.preprocessing.normalise(photos(8, seed=2))
    everything = activation_ranges(model, images, "min_max", 100)
    most = activation_ranges(model, images, "percentile", 99.0)
    assert everything["image"] == (images.min(), images.max())
    np.testing.assert_allclose(most["image"], np.percentile(images, [0.5, 99.5]), atol=0.01)
    for name, (low, high) in everything.items():
        assert low - 1e-5 <= most[name][0] <= most[name][1] <= high + 1e-5


def test_format_describes_itself_without_its_libraries() -> None:
    form = find_format("onnx")
    assert (form.suffix, form.missing_packages()) == (".onnx", [])
    assert form.load_exporter() is export
