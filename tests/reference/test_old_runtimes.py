"""The TFLite files give the same answers in the runtimes that older apps carry."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.pipeline.export import Export

RUNTIMES = {
    "tflite_runtime": ("tflite-runtime==2.14.0", "numpy<2"),
    "ai_edge_litert": ("ai-edge-litert==1.4.0", "numpy"),
}
# Runs alone, without ca-deploy and its environment.
RUN = """
import sys
site, module, model, inputs, answers = sys.argv[1:]
sys.path.insert(0, site)
import importlib
import numpy as np
interpreter = importlib.import_module(module + ".interpreter").Interpreter(model)
interpreter.allocate_tensors()
found = []
for image in np.load(inputs):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].argmax())
np.save(answers, found)
"""


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="tflite-runtime 2.14.0 has packages for Python 3.11")
@pytest.mark.parametrize("module", RUNTIMES)
def test_same_top1_on_32_images(module: str, reference_exports: dict[str, Export], tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([*install, *RUNTIMES[module]], check=True, capture_output=True)
    for recipe in ("tflite_float32", "tflite_static_wi8_ai8"):
        model = reference_exports[recipe].path
        predictor = open_predictor(model)
        samples = load_calibration(load_spec("distilled_flowers5"), predictor.signature).held_out.first(32)
        expected = predictor.run(samples)["logits"].argmax(1).tolist()
        inputs, answers = tmp_path / "inputs.npy", tmp_path / "answers.npy"
        np.save(inputs, np.concatenate([predictor.feeds(rows)["image"] for rows in samples.batches()]))
        alone = [sys.executable, "-I", "-S", "-c", RUN]
        subprocess.run([*alone, site, module, model, inputs, answers], check=True)
        assert len(expected) == 32
        assert np.load(answers).tolist() == expected
