"""What an integer file runs in float all the same."""

from tests.formats.onnx.kit import Export


def test_what_stays_float_is_found_and_explained(exported: Export) -> None:
    converted, _ = exported("onnx_static_wi8_ai8", lowering="reference")
    static = {op.operator: op for op in converted.float_operators}
    assert static["Div"].count == 1
    assert "float" in static["Div"].reason
    assert static.keys() == {"Div"}  # and so not Split, Transpose, Concat, Reshape, which move int8
    assert not exported("onnx_static_wi8_ai8")[0].float_operators
    camera = exported("onnx_static_wi8_ai8_uint8rgb_io")[0].float_operators
    assert any("camera" in op.reason for op in camera)
    dynamic = {op.operator: op for op in exported("onnx_dynamic_wi8_afp32")[0].float_operators}
    assert dynamic["Conv"].count == 5
    assert "MatMul and Gemm" in dynamic["Conv"].reason
    assert not {"Gemm", "MatMul"} & dynamic.keys()
    assert exported("onnx_float32")[0].float_operators == ()
