"""The baseline of export_time.py, a hand-written script: import, convert, calibrate, quantise; no checks, no manifest.

python benchmarks/cold_tflite_int8.py OUTPUT.tflite
"""

import sys
from pathlib import Path

import litert_torch
import numpy as np
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils import qsv_utils
from PIL import Image

from ca_deploy.data.calibration import load_spec
from ca_deploy.networks.source import load
from ca_deploy.records.model import ModelSource

network = load(ModelSource())
folder = load_spec("distilled_flowers5").folder
assert folder is not None
preprocessing = network.signature.photo_or_refuse("This comparison")
images = [
    preprocessing.normalise(np.asarray(Image.open(path).convert("RGB"))[None]).transpose(0, 2, 3, 1)
    for path in sorted(folder.glob("*"))[:128]
]
wrapped = litert_torch.to_channel_last_io(network.module, args=[0]).eval()
example = (network.examples()[0].permute(0, 2, 3, 1).contiguous(),)
float_path = Path(sys.argv[1]).with_suffix(".float.tflite")
litert_torch.convert(wrapped, example).export(str(float_path))

quantise = quantizer.Quantizer(str(float_path))
quantise.load_quantization_recipe(recipe.static_wi8_ai8())
manager = RecipeManager()
manager.load_quantization_recipe(recipe.static_wi8_ai8())
calibrator = Calibrator(str(float_path), qsv_update_func=qsv_utils.min_max_update)
calibrator.calibrate({"serving_default": [{"args_0": image} for image in images]}, manager)
quantise.quantize(calibrator.get_model_qsvs()).export_model(sys.argv[1], overwrite=True)
