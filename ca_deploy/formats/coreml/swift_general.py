"""Swift code that runs a Core ML package with any inputs and outputs, generated from its manifest."""

from collections.abc import Iterator
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._identifiers import SWIFT, words
from ca_deploy.formats._interface import Interface, Parameter, Result, interface_of
from ca_deploy.formats._output import LEFT_TO_THE_APP, given_text, task_of
from ca_deploy.formats.coreml.swift import ARRAY, FEATURE, answers, source
from ca_deploy.formats.coreml.swift_input import feature, helpers, preprocess
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.tasks import Ran

_OUTPUTS = Template("""/// What the network gives: flat arrays, in which the last axis changes fastest.$left
struct Outputs {
    $properties
}""")

_RUN = Template("""    /// ${photos}Arrays are flat: the last axis changes fastest.
    func run(
        $parameters
    ) throws -> Outputs {
        let outputs = try model.prediction(from: MLDictionaryFeatureProvider(dictionary: [
            $features
        ]))
        return try Outputs(
            $results
        )
    }""")

_TAKEN = words("run throws outputs model prediction feature flatMap array tensor picture Outputs CGImage Float Int32")


def swift_general(manifest: Manifest) -> str:
    """A class for an iOS or macOS app.

    The tests compile it on Linux, with stubs of Apple's frameworks.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    interface = interface_of(manifest, SWIFT, _TAKEN)
    parameters = [_parameter(one, interface.batch) for one in interface.parameters]
    run = _RUN.substitute(
        photos="Photos are upright, as `openPhoto` gives them. " if interface.images else "",
        parameters="\n        ".join(_listed(parameters)),
        features="\n            ".join(f"{_feature(one, interface)}," for one in interface.parameters),
        results="\n            ".join(_listed([(_result(one), "") for one in interface.results])),
    )
    properties = (
        f"let {one.name}: [{_number(one.spec)}]  // {quoting.swift(one.given.name)}: {given_text(one)}"
        for one in interface.results
    )
    read = _answers(manifest, interface)
    outputs = _OUTPUTS.substitute(properties="\n    ".join(properties), left="" if read else LEFT_TO_THE_APP)
    headline = task_of(manifest).headline if read else "Run the network"
    return source(manifest, headline, [*_functions(interface), outputs], run, read)


def _answers(manifest: Manifest, interface: Interface) -> tuple[str, ...]:
    if len(interface.parameters) != 1 or interface.batch > 1:
        return ()
    call = f"run({interface.parameters[0].name}: photo)"
    return answers(manifest, Ran(call, {one.given.name: f"outputs.{one.name}" for one in interface.results}))


def _number(spec: TensorSpec) -> str:
    return "Float" if spec.dtype.startswith("float") else "Int32"


def _listed(items: list[tuple[str, str]]) -> Iterator[str]:
    """Items and their comments; there is a comma behind all but the last."""
    for place, (item, comment) in enumerate(items):
        comma = "," if place < len(items) - 1 else ""
        yield f"{item}{comma}{f'  // {comment}' if comment else ''}"


def _parameter(one: Parameter, batch: int) -> tuple[str, str]:
    name = quoting.swift(one.taken.name)
    if one.preprocessing is None:
        return f"{one.name}: [{_number(one.spec)}]", f"{name}: {one.spec.shape}"
    if batch > 1:
        return f"{one.name}: [CGImage]", f"{name}: {batch} photos"
    return f"{one.name}: CGImage", f"{name}: a photo"


def _feature(one: Parameter, interface: Interface) -> str:
    suffix = _suffix(one, interface)
    if one.preprocessing is None:
        made = f"feature({one.name}, {list(one.spec.shape)})"
    elif interface.batch > 1:
        made = f"feature({one.name}.flatMap {{ try tensor{suffix}($0) }}, {list(one.spec.shape)})"
    else:
        made = feature(one.preprocessing, one.spec, one.name, suffix)
    return f"{quoting.swift(one.spec.name)}: {made}"


def _suffix(one: Parameter, interface: Interface) -> str:
    """What tells functions for several images apart."""
    return "" if len(interface.images) == 1 else f"_{one.like}"


def _result(one: Result) -> str:
    return f"{one.name}: array(outputs, {quoting.swift(one.spec.name)})"


def _functions(interface: Interface) -> Iterator[str]:
    """What ``run`` calls."""
    for one, how in interface.images:
        yield preprocess(how, one.spec, _suffix(one, interface))
    yield from helpers(how for _, how in interface.images)
    if any(one.spec.normalised for one in interface.parameters):
        yield FEATURE
    yield ARRAY
