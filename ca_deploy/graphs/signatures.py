"""The signatures of a .tflite that has several: functions of their own in one file."""

from collections import Counter
from pathlib import Path

from ca_deploy.errors import ArtifactError, shown


def signatures_of(file: Path) -> tuple[str, ...]:
    """The keys in the order of the file; () unless it is a .tflite with several.

    What is not UTF-8 in a key is replaced. A damaged file has none here; its runtime says how it is damaged.

    Raises:
        ArtifactError: two have one key, with which a runtime finds only one of them.
    """
    if file.suffix != ".tflite":
        return ()
    from ai_edge_litert import schema_py_generated as schema

    from ca_deploy.graphs.tflite import DAMAGE

    try:
        model = schema.Model.GetRootAs(file.read_bytes())
        found = [model.SignatureDefs(index).SignatureKey() for index in range(model.SignatureDefsLength())]
        keys = [key.decode(errors="replace") for key in found if key is not None]
    except DAMAGE:
        return ()
    if repeated := [key for key, count in Counter(keys).items() if count > 1]:
        raise ArtifactError(
            f"{file} has several signatures named {shown(repeated[0])!r}, of which a runtime finds only one. Export "
            "it again, each with a name of its own."
        )
    return tuple(keys) if len(keys) > 1 else ()


def single(file: Path, key: str, folder: Path) -> Path:
    """A copy in ``folder``, under the same name, whose main graph is that of a signature, which it has alone.

    Inputs and outputs have the names that the signature gives them.

    Raises:
        ArtifactError: the file is damaged.
    """
    from ca_deploy.graphs import flatbuffer, tflite
    from ca_deploy.graphs.subgraphs import with_first

    model = tflite.load(file)
    chosen = next(one for one in model.signatureDefs if one.signatureKey.decode(errors="replace") == key)
    found = with_first(model, chosen.subgraphIndex)
    found.signatureDefs = [one for one in found.signatureDefs if one.signatureKey == chosen.signatureKey]
    tensors = found.subgraphs[0].tensors
    for one in (*chosen.inputs, *chosen.outputs):
        tensors[one.tensorIndex].name = one.name
    folder.mkdir()
    (folder / file.name).write_bytes(flatbuffer.write(found))
    return folder / file.name
