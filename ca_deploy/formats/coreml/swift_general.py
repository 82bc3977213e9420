"""Swift code that runs a Core ML package with any inputs and outputs, generated from its manifest."""

from collections.abc import Iterator
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._identifiers import SWIFT, words
from ca_deploy.formats._interface import Interface, Parameter, Result, interface_of
from ca_deploy.formats._output import given_text
from ca_deploy.formats.coreml.swift import source
from ca_deploy.formats.coreml.swift_input import GREY, preprocess
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.tensors import TensorSpec

_OUTPUTS = Template("""/// What the network gives: flat arrays, in which the last axis changes fastest.
struct Outputs {
    $properties
}

""")

_RUN = Template("""    /// Photos have to be upright, and arrays flat: the last axis changes fastest.
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

_FLOATS = """    private func floats(_ outputs: MLFeatureProvider, _ name: String) throws -> [Float] {
        let values = try tensor(outputs.featureValue(for: name))
        return (0..<values.count).map { values[$0].floatValue }
    }"""
_INTEGERS = """    private func integers(_ outputs: MLFeatureProvider, _ name: String) throws -> [Int32] {
        let values = try tensor(outputs.featureValue(for: name))
        return (0..<values.count).map { values[$0].int32Value }
    }"""
_TENSOR = """    private func tensor(_ feature: MLFeatureValue?) throws -> MLMultiArray {
        guard let values = feature?.multiArrayValue else { throw CocoaError(.featureUnsupported) }
        return values
    }"""
_GIVEN = Template("""    private func feature(_ values: [$number], _ shape: [NSNumber]) throws -> MLFeatureValue {
        let tensor = try MLMultiArray(shape: shape, dataType: .$type)
        guard values.count == tensor.count else { throw CocoaError(.featureUnsupported) }
        for (place, value) in values.enumerated() { tensor[place] = NSNumber(value: value) }
        return MLFeatureValue(multiArray: tensor)
    }""")
_JOINED = Template("""    /// The tensors of $batch photos in one.
    private func joined(_ features: [MLFeatureValue]) throws -> MLFeatureValue {
        guard features.count == $batch else { throw CocoaError(.featureUnsupported) }
        let tensors = try features.map { try tensor($$0) }
        return MLFeatureValue(multiArray: MLMultiArray(concatenating: tensors, axis: 0, dataType: .float32))
    }""")

_TAKEN = words("run throws outputs model prediction feature joined map floats integers Outputs CGImage Float Int32")


def swift_general(manifest: Manifest) -> str:
    """A class for an iOS or macOS app. The tests parse it, but do not compile it: they run on Linux.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    interface = interface_of(manifest, SWIFT, _TAKEN)
    parameters = [_parameter(one, interface.batch) for one in interface.parameters]
    run = _RUN.substitute(
        parameters="\n        ".join(_listed(parameters)),
        features="\n            ".join(f"{_feature(one, interface)}," for one in interface.parameters),
        results="\n            ".join(_listed([(_result(one), "") for one in interface.results])),
    )
    properties = (
        f"let {one.name}: [{_number(one.spec)}]  // {quoting.swift(one.given.name)}: {given_text(one)}"
        for one in interface.results
    )
    outputs = _OUTPUTS.substitute(properties="\n    ".join(properties))
    return source(manifest, "Run the network", [run, *_methods(interface)], outputs)


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
    if one.preprocessing is None:
        made = f"feature({one.name}, [{', '.join(map(str, one.spec.shape))}])"
    elif interface.batch > 1:
        made = f"joined({one.name}.map {{ try {_method(one, interface)}($0) }})"
    else:
        made = f"{_method(one, interface)}({one.name})"
    return f"{quoting.swift(one.spec.name)}: {made}"


def _method(one: Parameter, interface: Interface) -> str:
    return f"feature{_suffix(one, interface)}"


def _suffix(one: Parameter, interface: Interface) -> str:
    """What tells methods for several images apart."""
    return "" if len(interface.images) == 1 else f"_{one.like}"


def _result(one: Result) -> str:
    reader = "floats" if _number(one.spec) == "Float" else "integers"
    return f"{one.name}: {reader}(outputs, {quoting.swift(one.spec.name)})"


def _methods(interface: Interface) -> Iterator[str]:
    """What ``run`` calls."""
    plain = {_number(one.spec) for one in interface.parameters if one.preprocessing is None}
    for number in sorted(plain):
        yield _GIVEN.substitute(number=number, type="float32" if number == "Float" else "int32")
    if interface.batch > 1 and interface.images:
        yield _JOINED.substitute(batch=interface.batch)
    read = {_number(one.spec) for one in interface.results}
    yield from (code for number, code in (("Float", _FLOATS), ("Int32", _INTEGERS)) if number in read)
    yield _TENSOR
    for one, how in interface.images:
        yield preprocess(how, one.spec, _suffix(one, interface))
    if any(how.channels == "grey" for _, how in interface.images):
        yield GREY
