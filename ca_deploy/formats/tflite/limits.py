"""What TFLite cannot represent, as far as a network shows it before its conversion."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ca_deploy.formats import Wanted
from ca_deploy.formats._limits import types_among

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

_TYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")


def limits(network: "Network", wanted: Wanted) -> Iterator[str]:
    """See :attr:`ca_deploy.formats.Format.limits`."""
    yield from types_among(network, _TYPES, _TYPES)
    from ca_deploy.networks.constant_outputs import constant_outputs

    for name in constant_outputs(network):  # the interpreter has no data for them
        yield f"its output {name!r} does not depend on its inputs. Leave it out, and store its values in the app"
