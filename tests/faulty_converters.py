"""Converters that fail, for injecting faults into a converter process."""

import ctypes
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from ca_deploy.errors import ModelError
from ca_deploy.networks.source import Network
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.recipe import ExportRecipe


class Works:
    """The one that does not fail; it counts how often it was made, and what it wrote."""

    made = 0

    def __init__(self, network: Network) -> None:
        type(self).made += 1
        self.written = 0

    def convert(self, conversion: Conversion, step: Step) -> None:
        step("converting")
        print("last words", flush=True)
        self.fail()

    def fail(self) -> None:
        """Here the others go wrong."""

    def calibrate(self, model: None, images: object, recipe: ExportRecipe) -> None: ...

    def ranges(self, model: None, seen: None, recipe: ExportRecipe) -> None: ...

    def apply(self, model: None, recipe: ExportRecipe, seen: None, ranges: None, step: Step) -> None: ...

    def write(self, model: None, conversion: Conversion) -> Converted:
        self.written += 1
        return Converted((), (), {"converters made": self.made, "files written": self.written}, {})


class Segfault(Works):
    def fail(self) -> None:
        ctypes.string_at(0)


class Killed(Works):
    def fail(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Leaves(Works):
    """A package among the temporary files, as coremltools does."""

    def fail(self) -> None:
        tempfile.mkdtemp(suffix=".mlpackage")


class Exits(Works):
    def fail(self) -> None:
        sys.exit(7)


class Raises(Works):
    def fail(self) -> None:
        raise ZeroDivisionError("ZeroDivisionError is what the log shows")


class Refuses(Works):
    def fail(self) -> None:
        raise ModelError("cannot take this network")


class FillsTheDisk(Works):
    def fail(self) -> None:
        Path("/dev/full").write_text("more than fits")


class Hangs(Works):
    def fail(self) -> None:
        time.sleep(600)


class CrashesOnce(Works):
    """On the float32 recipe only."""

    def convert(self, conversion: Conversion, step: Step) -> None:
        if conversion.recipe.mode == "float32":
            os.kill(os.getpid(), signal.SIGKILL)
