"""Does ONNX Runtime accumulate INT8 products exactly on this processor? Checks uint8 and int8 activations.

python benchmarks/x86_saturation.py
"""

import numpy as np
import onnxruntime as ort
from numpy._core._multiarray_umath import __cpu_features__ as cpu
from onnx import numpy_helper, parser

MODELS = {
    "uint8 x int8": "(uint8[4,64] a) => (int32[4,8] y) { y = MatMulInteger(a, w) }",
    "int8 x int8": """(float[4,64] a) => (float[4,8] y) {
        b = QuantizeLinear(a, one, zero)     x = DequantizeLinear(b, one, zero)
        v = DequantizeLinear(w, one, zero)   z = MatMul(x, v)
        q = QuantizeLinear(z, step, zero)    y = DequantizeLinear(q, one, zero) }""",
}
STEP = 1024
random = np.random.default_rng(0)
weight = random.integers(-127, 128, (64, 8)).astype(np.int8)
constants = {"w": weight, "one": np.float32(1), "zero": np.int8(0), "step": np.float32(STEP)}
ort.set_default_logger_severity(3)

print({name: cpu[name] for name in ("AVX2", "AVX512F", "AVX512VNNI")})
for kind, text in MODELS.items():
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 13]> g {text}')
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    most = np.iinfo(kind.split()[0]).max
    image = random.integers(most - 64, most, (4, 64))
    exact = image @ weight.astype(int)
    for setting in ("default settings", "session.x64quantprecision", "session.qdqisint8allowed"):
        options = ort.SessionOptions()
        if "." in setting:
            options.add_session_config_entry(setting, "1")
        session = ort.InferenceSession(model.SerializeToString(), options)
        (found,) = session.run(None, {"a": image.astype(np.uint8 if most > 127 else np.float32)})
        wanted = exact if most > 127 else np.clip(np.rint(exact / STEP), -128, 127)
        print(f"{kind}, {setting}: {(found != wanted).sum()} of {found.size} sums are wrong")
