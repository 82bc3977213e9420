"""What an ML Program cannot represent, as far as a network shows it before its conversion."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ca_deploy.formats import Wanted
from ca_deploy.formats._limits import ranks_up_to, types_among

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

_MOST_DIMENSIONS = 5  # https://apple.github.io/coremltools/docs-guides/source/faqs.html
# Others than float32 and int32 become one of these. coremltools 9 has no int8 and uint8 inputs of traced networks.
_INPUTS = ("float32", "float16", "float64", "int16", "int32", "int64", "bool")
_OUTPUTS = (*_INPUTS, "int8", "uint8")


def limits(network: "Network", wanted: Wanted) -> Iterator[str]:
    """See :attr:`ca_deploy.formats.Format.limits`."""
    yield from types_among(network, _INPUTS, _OUTPUTS)
    yield from ranks_up_to(network, _MOST_DIMENSIONS)
    if wanted.batch > 1 and any(recipe.io == "uint8rgb" for recipe in wanted.recipes):
        yield f"a picture is taken one at a time. Drop --batch {wanted.batch}, or choose a recipe with float32 input"
