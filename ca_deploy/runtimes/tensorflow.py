"""TensorFlow's TFLite interpreter: an independently built second runtime (extra ``tensorflow``)."""

from pathlib import Path

from ca_deploy.runtimes import Runtime, Session
from ca_deploy.runtimes._tflite_interpreter import VARIANTS, InterpreterSession

RUNTIME = Runtime(
    "tensorflow",
    (".tflite",),
    "tensorflow",
    f"{__name__}:open_file",
    VARIANTS,
    install="pip install 'ca-deploy[tensorflow]'",
)


def open_file(path: Path, threads: int, variant: str) -> Session:
    import tensorflow as tf

    resolvers = tf.lite.experimental.OpResolverType
    return InterpreterSession(f"TensorFlow {tf.__version__}", tf.lite.Interpreter, resolvers, path, threads, variant)
