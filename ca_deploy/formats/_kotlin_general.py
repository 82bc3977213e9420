"""Kotlin code that feeds a file with any inputs and outputs in an Android app, written from its manifest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from textwrap import indent

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._identifiers import KOTLIN, identifiers, words
from ca_deploy.formats._input import LIMITS
from ca_deploy.formats._interface import Interface, Parameter, Result, interface_of
from ca_deploy.formats._kotlin import answers, labels, source
from ca_deploy.formats._kotlin_preprocess import constants, helpers, imports, preprocess
from ca_deploy.formats._output import LEFT_TO_THE_APP, given_text, task_of
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.tensors import DType, TensorSpec

_OUTPUTS = Template("""/** What the network gives: flat arrays, in which the last axis changes fastest.$left */
class Outputs(
    $results
)""")

_CLASS = Template("""class $class_name(context: Context) {
    $properties

    /** ${photos}Arrays are flat: the last axis changes fastest. */
    fun run(
        $parameters
    ): Outputs {
        val outputs = invoke(
            listOf(
                $tensors
            )
        )
        return Outputs(
            $results
        )
    }

    /** The file's outputs for its inputs, in its order and its types. */
    private fun invoke(inputs: List<ByteBuffer>): List<ByteBuffer> {
        $invoke
    }
}""")

_BUFFER = Template("""private fun buffer(values: ${name}Array): ByteBuffer {
    val buffer = ByteBuffer.allocateDirect(${size}values.size).order(ByteOrder.nativeOrder())
    values.forEach { buffer.$put(it) }
    buffer.rewind()
    return buffer
}""")
_QUANTISED = """/** Real numbers as the file's integers. */
private fun quantised(values: FloatArray, scale: Float, zeroPoint: Int, lowest: Float, highest: Float): ByteBuffer {
    val rounded = values.map { (round(it / scale) + zeroPoint).coerceIn(lowest, highest).toInt().toByte() }
    return buffer(rounded.toByteArray())
}"""
_JOINED = """/** The tensors of several photos in one. */
private fun joined(tensors: List<ByteBuffer>): ByteBuffer {
    val all = ByteBuffer.allocateDirect(tensors.sumOf { it.remaining() }).order(ByteOrder.nativeOrder())
    tensors.forEach { all.put(it) }
    all.rewind()
    return all
}"""

_TAKEN = words("run class outputs invoke listOf Outputs it map buffer quantised joined preprocess remaining")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Kotlin's array for a tensor's values, ``FloatArray``, and the bytes of one of them."""

    name: str
    size: int

    @property
    def get(self) -> str:
        return "get()" if self.size == 1 else self.name.lower()

    @property
    def put(self) -> str:
        return "put" if self.size == 1 else f"put{self.name}"


NUMBERS: dict[DType, Numbers] = {
    "float32": Numbers("Float", 4),
    "float64": Numbers("Double", 8),
    "int64": Numbers("Long", 8),
    "int32": Numbers("Int", 4),
    "int16": Numbers("Short", 2),
    "int8": Numbers("Byte", 1),
    "uint8": Numbers("Byte", 1),
    "bool": Numbers("Byte", 1),  # 0 and 1
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """What is the runtime's own: its Maven artifact, its imports, and two pieces of the class.

    ``properties`` open the file. ``invoke`` are lines that return its outputs, a list of buffers in native order, for
    the list ``inputs`` of such buffers.
    """

    gradle: str
    imports: tuple[str, ...]
    properties: str
    invoke: str


def kotlin_general(manifest: Manifest, runtime: Runtime) -> str:
    """A file for an Android app. Every tensor has one of the types :data:`NUMBERS`.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    interface = interface_of(manifest, KOTLIN, _TAKEN)
    owners = _owners(interface)
    code = _CLASS.substitute(
        class_name=task_of(manifest).class_name,
        properties=runtime.properties,
        photos="Photos are upright, as [openPhoto] gives them. " if interface.images else "",
        parameters="\n        ".join(_parameter(one, interface.batch) for one in interface.parameters),
        tensors="\n                ".join(f"{_tensor(one, interface.batch, owners)}," for one in interface.parameters),
        results="\n            ".join(map(_result, interface.results)),
        invoke=runtime.invoke,
    )
    single = interface.batch == 1
    read = answers(manifest, {one.given.name: _values(one) for one in interface.results}) if single else ()
    properties = (f"val {one.name}: {_numbers(one.spec).name}Array, // {_described(one)}" for one in interface.results)
    parts = (
        labels(manifest),
        *_preprocess(interface, owners),
        *_helpers(interface),
        _OUTPUTS.substitute(results="\n    ".join(properties), left="" if read else LEFT_TO_THE_APP),
        code,
        *read,
    )
    names = {"java.nio.ByteBuffer", "java.nio.ByteOrder", *runtime.imports}
    names.update(name for one, how in interface.images for name in imports(how, one.spec))
    if any(_is_quantised(one) for one in interface.parameters):
        names.add("kotlin.math.round")
    headline = task_of(manifest).headline if read else "Run the network"
    return source(manifest, headline, runtime.gradle, names, parts)


def _numbers(spec: TensorSpec) -> Numbers:
    """What an app passes or gets: real numbers of a quantised tensor."""
    return NUMBERS["float32" if spec.scale is not None else spec.dtype]


def _is_quantised(one: Parameter) -> bool:
    return one.preprocessing is None and one.spec.scale is not None


def _owners(interface: Interface) -> dict[str, str]:
    """What is before the call of an image's function: the object that has it, where there are several."""
    likes = [one.like for one, _ in interface.images]
    if len(likes) == 1:
        return {likes[0]: ""}
    objects = identifiers(("".join(part.capitalize() for part in like.split("_")) + "Input" for like in likes), (), "")
    return {like: f"{name}." for like, name in zip(likes, objects, strict=True)}


def _preprocess(interface: Interface, owners: Mapping[str, str]) -> Iterator[str]:
    """The functions that make tensors of photos, and their constants; of several, each in an object of its own."""
    for one, how in interface.images:
        code = f"{constants(how, one.spec)}\n\n{preprocess(how, one.spec)}"
        owner = owners[one.like].removesuffix(".")
        yield f"private object {owner} {{\n{indent(code, '    ')}\n}}" if owner else code
    yield from helpers(how for _, how in interface.images)


def _helpers(interface: Interface) -> Iterator[str]:
    plain = [one.spec for one in interface.parameters if one.preprocessing is None]
    quantised = any(spec.scale is not None for spec in plain)
    taken = {_numbers(spec) for spec in plain if spec.scale is None} | ({NUMBERS["int8"]} if quantised else set())
    for numbers in sorted(taken, key=lambda numbers: numbers.name):
        yield _BUFFER.substitute(
            name=numbers.name, size=f"{numbers.size} * " if numbers.size > 1 else "", put=numbers.put
        )
    if quantised:
        yield _QUANTISED
    if interface.batch > 1 and interface.images:
        yield _JOINED


def _parameter(one: Parameter, batch: int) -> str:
    name = quoting.kotlin(one.taken.name)
    if one.preprocessing is None:
        return f"{one.name}: {_numbers(one.spec).name}Array, // {name}: {one.spec.shape}"
    return f"{one.name}: {'List<Bitmap>' if batch > 1 else 'Bitmap'}, // {name}: {_photos(batch)}"


def _photos(batch: int) -> str:
    return f"{batch} photos" if batch > 1 else "a photo"


def _tensor(one: Parameter, batch: int, owners: Mapping[str, str]) -> str:
    spec = one.spec
    if one.preprocessing is not None:
        function = f"{owners[one.like]}preprocess"
        return f"joined({one.name}.map {{ {function}(it) }})" if batch > 1 else f"{function}({one.name})"
    if spec.scale is None:
        return f"buffer({one.name})"
    lowest, highest = LIMITS[spec.dtype]
    return f"quantised({one.name}, {quoting.number(spec.scale)}f, {spec.zero_point}, {lowest}f, {highest}f)"


def _result(one: Result) -> str:
    stored, made = NUMBERS[one.spec.dtype], _numbers(one.spec)
    output = f"outputs[{one.place}]"
    count = f"{output}.remaining()" if stored.size == 1 else f"{output}.remaining() / {stored.size}"
    value = f"{output}.{stored.get}"
    if one.spec.scale is not None:
        value = f"({value} - {one.spec.zero_point}) * {quoting.number(one.spec.scale)}f"
    return f"{made.name}Array({count}) {{ {value} }},"


def _values(one: Result) -> str:
    """The property of ``outputs`` as :class:`~ca_deploy.tasks.Ran` wants it."""
    if one.spec.dtype == "float64":
        return f"outputs.{one.name}.map {{ it.toFloat() }}.toFloatArray()"
    return f"outputs.{one.name}.map {{ it.toUByte() }}" if one.spec.dtype == "uint8" else f"outputs.{one.name}"


def _described(one: Result) -> str:
    return f"{quoting.kotlin(one.given.name)}: {given_text(one)}"
