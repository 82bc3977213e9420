"""The messages of Core ML's ``Model.proto`` and ``MIL.proto`` that make up an ML Program.

coremltools ships them too, but importing it loads PyTorch and TensorFlow (5 to 20 s) and crashes when triton is
imported later, and there are no packages for ARM Linux. protobuf skips the fields that are not listed here.
Source: https://github.com/apple/coremltools/tree/9.0/mlmodel/format
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_SCALARS = {
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}

# message -> field -> (number, type); "*" means repeated. A map is a repeated key-value pair; an enum is an int32.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {
        "specificationVersion": (1, "int32"),
        "description": (2, "Description"),
        "neuralNetworkRegressor": (303, "Empty"),
        "neuralNetworkClassifier": (403, "Empty"),
        "neuralNetwork": (500, "Empty"),
        "mlProgram": (502, "Program"),
    },
    "Empty": {},
    "Description": {"input": (1, "Feature*"), "output": (10, "Feature*"), "metadata": (100, "Metadata")},
    "Metadata": {
        "shortDescription": (1, "string"),
        "versionString": (2, "string"),
        "author": (3, "string"),
        "license": (4, "string"),
    },
    "Feature": {"name": (1, "string"), "shortDescription": (2, "string"), "type": (3, "FeatureType")},
    "FeatureType": {
        "stringType": (3, "Empty"),
        "imageType": (4, "ImageType"),
        "multiArrayType": (5, "ArrayType"),
        "dictionaryType": (6, "Empty"),
    },
    "ImageType": {
        "width": (1, "int64"),
        "height": (2, "int64"),
        "colorSpace": (3, "int32"),
        "enumeratedSizes": (21, "ImageSizes"),
    },
    "ImageSizes": {"sizes": (1, "ImageSize*")},
    "ImageSize": {"width": (1, "uint64"), "height": (2, "uint64")},
    "ArrayType": {"shape": (1, "int64*"), "dataType": (2, "int32"), "enumeratedShapes": (21, "ArrayShapes")},
    "ArrayShapes": {"shapes": (1, "ArrayShape*")},
    "ArrayShape": {"shape": (1, "int64*")},
    "Program": {"functions": (2, "FunctionEntry*")},
    "FunctionEntry": {"key": (1, "string"), "value": (2, "Function")},
    "Function": {"inputs": (1, "NamedType*"), "opset": (2, "string"), "blocks": (3, "BlockEntry*")},
    "BlockEntry": {"key": (1, "string"), "value": (2, "Block")},
    "Block": {"outputs": (2, "string*"), "operations": (3, "Operation*")},
    "Operation": {
        "type": (1, "string"),
        "inputs": (2, "ArgumentEntry*"),
        "outputs": (3, "NamedType*"),
        "blocks": (4, "Block*"),
        "attributes": (5, "ValueEntry*"),
    },
    "ArgumentEntry": {"key": (1, "string"), "value": (2, "Argument")},
    "Argument": {"arguments": (1, "Binding*")},
    "Binding": {"name": (1, "string"), "value": (2, "Value")},
    "NamedType": {"name": (1, "string"), "type": (2, "ValueType")},
    "ValueType": {"tensorType": (1, "TensorType")},
    "TensorType": {"dataType": (1, "int32"), "rank": (2, "int64"), "dimensions": (3, "Dimension*")},
    "Dimension": {"constant": (1, "ConstantDimension")},
    "ConstantDimension": {"size": (1, "uint64")},
    "ValueEntry": {"key": (1, "string"), "value": (2, "Value")},
    "Value": {"type": (2, "ValueType"), "immediateValue": (3, "Immediate"), "blobFileValue": (5, "BlobFile")},
    "Immediate": {"tensor": (1, "TensorValue"), "list": (3, "ListValue")},
    "ListValue": {"values": (1, "Value*")},
    "BlobFile": {"fileName": (1, "string"), "offset": (2, "uint64")},
    "TensorValue": {
        "floats": (1, "Floats"),
        "ints": (2, "Ints"),
        "bools": (3, "Bools"),
        "strings": (4, "Strings"),
        "longInts": (5, "Longs"),
        "doubles": (6, "Doubles"),
        "bytes": (7, "Bytes"),
    },
    "Floats": {"values": (1, "float*")},
    "Ints": {"values": (1, "int32*")},
    "Bools": {"values": (1, "bool*")},
    "Strings": {"values": (1, "string*")},
    "Longs": {"values": (1, "int64*")},
    "Doubles": {"values": (1, "double*")},
    "Bytes": {"values": (1, "bytes")},
}


def _model_class() -> Any:
    file = FileDescriptorProto(name="ca_deploy/mil.proto", package="ca_deploy.mil", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            repeated, scalar = kind.endswith("*"), kind.rstrip("*")
            field = described.field.add(name=name, number=number)
            field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
            field.type = _SCALARS.get(scalar, FieldDescriptorProto.TYPE_MESSAGE)
            if scalar not in _SCALARS:
                field.type_name = f".ca_deploy.mil.{scalar}"
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("ca_deploy.mil.Model"))


Model = _model_class()
