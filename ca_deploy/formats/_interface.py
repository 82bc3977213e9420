"""What generated code takes and gives, of a network with any inputs and outputs."""

from dataclasses import dataclass

from ca_deploy.formats._identifiers import identifiers
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkInput, NetworkOutput
from ca_deploy.records.tensors import TensorSpec, batch_of


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input: what the network takes, the file's tensor, and the parameter's ``name`` in the code.

    ``like`` is the name of the first image that becomes a tensor in the same way; "" for a plain tensor.
    """

    name: str
    taken: NetworkInput
    spec: TensorSpec
    like: str = ""

    @property
    def preprocessing(self) -> Preprocessing | None:
        return self.taken.preprocessing


@dataclass(frozen=True, slots=True)
class Result:
    """One output: its place, what the network gives, the file's tensor, and the property's ``name`` in the code."""

    place: int
    name: str
    given: NetworkOutput
    spec: TensorSpec


@dataclass(frozen=True, slots=True)
class Interface:
    """All inputs and outputs, in the order of the network and of the file, for ``batch`` samples at once."""

    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    batch: int

    @property
    def images(self) -> tuple[tuple[Parameter, Preprocessing], ...]:
        """The images, of those that become tensors in the same way the first."""
        found = ((one, one.preprocessing) for one in self.parameters)
        return tuple((one, how) for one, how in found if how is not None and one.like == one.name)


def takes_one_photo(manifest: Manifest) -> bool:
    """Whether the file makes one array of real numbers of one photo, for which there is shorter code."""
    if manifest.signature.photo is None or len(manifest.outputs) != 1 or batch_of(manifest.inputs) > 1:
        return False
    (output,) = manifest.outputs
    return output.shape[:1] in ((1,), (-1,)) and (output.dtype == "float32" or output.scale is not None)


def interface_of(manifest: Manifest, keywords: frozenset[str], taken: frozenset[str]) -> Interface:
    """With names that are no ``keywords`` of a language; parameters are not ``taken`` by the code of ``run``."""
    signature = manifest.signature
    names = identifiers((one.name for one in signature.inputs), keywords | taken, "input")
    parameters: list[Parameter] = []
    first: dict[object, str] = {}
    for name, one, spec in zip(names, signature.inputs, manifest.inputs, strict=True):
        becomes = (one.preprocessing, spec.dtype, spec.layout, spec.scale, spec.zero_point, spec.normalised)
        like = first.setdefault(becomes, name) if one.preprocessing is not None else ""
        parameters.append(Parameter(name, one, spec, like))
    names = identifiers((one.name for one in signature.outputs), keywords, "output")
    outputs = enumerate(zip(names, signature.outputs, manifest.outputs, strict=True))
    return Interface(tuple(parameters), tuple(Result(place, *one) for place, one in outputs), batch_of(manifest.inputs))
