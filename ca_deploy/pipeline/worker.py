"""One process per converter: native libraries that conflict stay apart, a crash becomes an error, and memory is freed.

The process is ``python -m ca_deploy.pipeline.worker <module:class> <log>``. It imports the converter immediately (the
slow part), then waits for conversions, and caches what they share; everything printed goes to the log.
"""

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ca_deploy import plugins as plug_ins
from ca_deploy.delivery import refusal
from ca_deploy.errors import CaDeployError, WorkerError, last_line
from ca_deploy.formats import Converter, Format
from ca_deploy.pipeline.stages import carry_out
from ca_deploy.processes import child
from ca_deploy.progress import Counted, Step
from ca_deploy.records.conversion import Conversion, Converted

# Objects before garbage is looked for, and again: with Python's own (700, 10, 10), a tenth of the time of a conversion.
_GARBAGE = (50_000, 20, 20)


class Worker:
    """The parent's side of one converter process; a context manager that always ends the process.

    ``scratch`` is a folder for its temporary files.
    """

    def __init__(self, format: Format, log: Path, scratch: Path) -> None:
        self._format = format
        # Threads that wait actively would slow down the other converters.
        environment = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
        arguments = [format.converter, str(log)]
        self._child = child.Child("ca_deploy.pipeline.worker", arguments, scratch, environment=environment)
        self.pid = self._child.pid

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.__exit__()

    def convert(self, conversion: Conversion, step: Step) -> Converted:
        """Send the conversion, forward its progress to ``step``, and return the converter's description of the file.

        Raises:
            CaDeployError: raised by the converter.
            WorkerError: the process crashed, was killed, or raised another error; the message names a log that is kept.
        """
        self._child.send(conversion)
        last_step = "starting"
        for event in self._child.events():
            if isinstance(event, str | Counted):
                last_step = str(event)
                step(event)
            elif isinstance(event, Converted):
                return event
            elif isinstance(event, CaDeployError):
                raise event
        hint = (
            " The machine may be out of memory: close other programs, or export one format at a time."
            if self._child.killed_by() == signal.SIGKILL
            else ""
        )
        place = f" Its log: {conversion.log}" if conversion.log else ""
        raise WorkerError(
            f"The {self._format.name} converter {self._child.ending()} while {last_step}.{hint}{place}",
            *_last_words(conversion.printed),
        )

    def finish(self) -> None:
        """End the process after its last conversion, to free its memory."""
        self._child.hang_up()


def _last_words(log: Path) -> list[str]:
    try:
        said = last_line(log.read_text(errors="replace"))
    except OSError:
        return []
    return [f"  {said}"] if said else []


def main() -> None:
    reference, log_path = sys.argv[1:]
    report = child.reporter(log_path)
    next_conversion = child.listen()
    gc.disable()  # looking for garbage is a fifth of the time of the imports, which leave none
    converter_class: type[Converter[Any, Any, Any]] = plug_ins.load(reference)
    gc.enable()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)

    from ca_deploy.networks.source import load

    source = converter = None
    while True:
        conversion: Conversion = next_conversion()
        child.print_to(str(conversion.printed))
        try:
            if converter is None or conversion.source != source:
                report("loading the network")
                source, converter = conversion.source, converter_class(load(conversion.source))
            report(carry_out(converter, conversion, report))
        except CaDeployError as error:
            report(error)
        except OSError as error:
            explained = refusal(error, (conversion.log or conversion.path).parent)
            if explained is None:
                raise
            report(explained)


if __name__ == "__main__":
    main()
