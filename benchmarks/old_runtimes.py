"""Do exported .tflite files give the same answers in the TFLite runtimes that older apps carry?

    python benchmarks/old_runtimes.py exported/*.tflite

Installs tflite-runtime 2.14.0 and ai-edge-litert 1.4.0 into throwaway environments (Python 3.11) and counts on how many
Installs tflite-runtime 2.14.0 and ai-edge-litert 1.4.0 into throwaway environments (Python 3.11); counts on how many
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

from ca_deploy.calibration import load_calibration, load_spec
from ca_deploy.predictor import open_predictor

RUNTIMES = {
    "tflite_runtime": ("tflite-runtime==2.14.0", "numpy<2"),
    "ai_edge_litert": ("ai-edge-litert==1.4.0", "numpy"),
}
RUN = """
import sys, numpy as np
from {module}.interpreter import Interpreter
model, inputs, answers = sys.argv[1:]
interpreter = Interpreter(model)
interpreter.allocate_tensors()
found = []
for image in np.load(inputs):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].argmax())
np.save(answers, found)
"""

with tempfile.TemporaryDirectory() as scratch:
    folder = Path(scratch)
    for module, packages in RUNTIMES.items():
        venv.create(folder / module, with_pip=True)
        python = folder / module / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        for name in sys.argv[1:]:
            predictor = open_predictor(name)
            images = load_calibration(load_spec("distilled_flowers5"), predictor.preprocessing).held_out.pixels
            expected = [int(answer.argmax()) for answer in predictor(images)]
            tensors = predictor.preprocessing.normalise(images).transpose(0, 2, 3, 1)
            np.save(folder / "inputs.npy", np.ascontiguousarray(tensors))
            code = RUN.format(module=module)
            subprocess.run([python, "-c", code, name, folder / "inputs.npy", folder / "answers.npy"], check=True)
            same = int((np.load(folder / "answers.npy") == expected).sum())
            print(f"{packages[0]}: {Path(name).name}: {same} of {len(expected)} agree in top-1", flush=True)
