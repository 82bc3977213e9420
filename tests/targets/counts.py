"""Models of many kinds, whose headline in a report has to be what runtimes say of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import flexbuffers

from ca_deploy.graphs import flatbuffer
from ca_deploy.graphs.subgraphs import with_first
from tests.targets.test_whole import SHAPE, branches, signatures
from tests.targets.test_xnnpack import SHAPES, authors_block, generate, rewritten_block
from tests.tflite_models import Model, subgraphs


def models() -> Iterator[tuple[str, Any]]:
    """Names and ``schema.ModelT``s, in the order of how much is odd about them."""
    for dtype in ("int8", "float32"):
        for shape in SHAPES:
            model = Model(dtype)
            generate(model, model.input(shape), shape)
            yield f"generated {dtype} {shape}", model.model()
        for blocks in (1, 3):
            yield f"{blocks} of the authors' blocks, {dtype}", _blocks(authors_block, blocks, dtype)
            yield f"{blocks} rewritten blocks, {dtype}", _blocks(rewritten_block, blocks, dtype)
    for dtype in ("int8", "float32"):
        yield f"chain, {dtype}", _chain(dtype).model()
    yield "dilated", _dilated().model()
    yield "custom operator", _spectrum().model()
    yield "shapes at run time", _reshaped().model()
    yield "two signatures", signatures()
    yield "branches", branches()
    yield "a loop", _loop()
    yield "nothing for the delegate", _left().model()
    yield "no kernel", _unknown().model()
    yield "refused", _refused()


def _blocks(block: Any, count: int, dtype: str) -> Any:
    model = Model(dtype)
    x = model.input((1, 12, 10, 32))
    for number in range(count):
        x = model.conv(x, (1, 12, 10, 32), 32, f"features.{number}.expand")
        x = block(model, x, 12, 10, 32, f"features.{number}.attention")
    return model.model()


def _chain(dtype: str) -> Model:
    """Convolutions with operators between them of which INT8 breaks some."""
    model = Model(dtype)
    x = model.input(SHAPE)
    for operator in ("RELU", "HARD_SWISH", "LOGISTIC", "HARD_SWISH"):
        scale, zero = (1 / 256, -128) if operator == "LOGISTIC" else (0.05, 0)
        x = model.conv(x, SHAPE, 16)
        version = 1 if operator == "HARD_SWISH" or dtype == "float32" else 2
        x = model.add(operator, [x], SHAPE, version=version, scale=scale, zero=zero)
    return model


def _dilated() -> Model:
    model = Model("float32")
    blocks, around = model.integers(2, 2), model.integers(2, 2, 2, 2, shape=(2, 2))
    spread = model.add("SPACE_TO_BATCH_ND", [model.input((1, 8, 8, 4)), blocks, around], (4, 6, 6, 4))
    done = model.conv(spread, (4, 6, 6, 8), 4)
    model.add("BATCH_TO_SPACE_ND", [done, blocks, model.integers(2, 2, 2, 2, shape=(2, 2))], (1, 8, 8, 8))
    return model


def _spectrum() -> Model:
    model = Model("float32")
    spectrum = model.add("CUSTOM", [model.input((16, 1))], (1, 3, 5), custom="AudioSpectrogram")
    model.add("ABS", [spectrum], (1, 3, 5))
    options = {"window_size": 8, "stride": 4, "magnitude_squared": False}
    model._operators[0].customOptions = list(flexbuffers.Dumps(options))
    return model


def _reshaped() -> Model:
    """As Keras flattens: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    model = Model("float32")
    x = model.conv(model.input(SHAPE), SHAPE, 16)
    sides = model.add("SHAPE", [x], (4,), options=schema.ShapeOptionsT())
    model._tensors[sides].type = schema.TensorType.INT32
    flat = model.add("RESHAPE", [x, sides], SHAPE)
    model.add("RELU", [flat], SHAPE)
    return model


def _loop() -> Any:
    """``while (x < 3) x = relu(x + 1)``, then an ABS that the delegate takes beside the loop."""
    main, condition, body = Model("float32"), Model("float32"), Model("float32")
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    main.add("ABS", [main.add("WHILE", [main.input((1,))], (1,), options=options)], (1,))
    less = condition.add("LESS", [condition.input((1,)), condition.bias(1)], (1,))
    condition._tensors[less].type = schema.TensorType.BOOL
    body.add("RELU", [body.add("ADD", [body.input((1,)), body.weights((1,))], (1,))], (1,))
    return subgraphs(main, condition, body)


def _left() -> Model:
    model = Model("float32")
    model.add("REVERSE_V2", [model.input((1, 4)), model.integers(1)], (1, 4))
    return model


def _unknown() -> Model:
    model = Model("float32")
    x = model.add("CUSTOM", [model.input(SHAPE)], SHAPE, custom="TeaLeaves")
    model.add("RELU", [x], SHAPE)
    return model


def _refused() -> Any:
    model = Model()
    model.conv(model.input(SHAPE), SHAPE, 16)
    content = model.model()
    weights = content.subgraphs[0].operators[0].inputs[1]
    content.subgraphs[0].tensors[weights].quantization.quantizedDimension = 7
    return content


def installed_partitions(path: Path) -> int | None:
    """The partitions of all subgraphs, None where the runtime refuses the model."""
    model, count = flatbuffer.read(path.read_bytes()), 0
    for index in range(len(model.subgraphs)):
        try:
            interpreter = Interpreter(model_content=flatbuffer.write(with_first(model, index)), num_threads=1)
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError):
            return None
        count += sum(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details())
    return count
