"""The Kotlin compiler, from its npm package, and the classes that it makes, on a JVM."""

import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from ca_deploy.cache import cached
from tests.system_tools import program, unavailable

_PACKAGE = "kotlin-compiler@2.4.20"
_JARS = (
    "kotlin-compiler", "kotlin-stdlib", "kotlin-script-runtime", "kotlin-reflect", "kotlinx-coroutines-core-jvm",
    "annotations-13.0",
)  # fmt: skip
_FOR_SHORT_RUNS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # 9 s of processor time instead of 19 s
STUBS = sorted((Path(__file__).parent / "kotlin_stubs").glob("*.kt"))


def compile_and_run(sources: Mapping[str, str], folder: Path) -> list[str]:
    """Compile sources (file name -> text) with the stubs, run ``main()`` of ``main.kt`` in ``folder``; gives its lines.

    Raises:
        AssertionError: the compiler refuses them, or the program fails; with what was said.
    """
    java, jars = program("java", ["openjdk-17-jre-headless"]), cached(_PACKAGE, _fetch)
    for name, source in sources.items():
        (folder / name).write_text(source, encoding="utf-8")
    library = jars / "kotlin-stdlib.jar"
    compiler = ["-cp", ":".join(str(jar) for jar in jars.glob("*.jar")), "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"]
    options = ["-no-stdlib", "-no-reflect", "-classpath", str(library), "-d", "classes", *map(str, STUBS)]
    command = [*java, *_FOR_SHORT_RUNS, *compiler, *options, *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:5000]
    classes = ["-cp", f"classes:{library}", "MainKt"]
    done = subprocess.run([*java, *classes], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:5000]
    return done.stdout.splitlines()


def _fetch(folder: Path) -> None:
    if shutil.which("npm") is None:  # Debian's works only where Debian puts it: its node looks into /usr/share/nodejs
        unavailable("npm, which fetches the Kotlin compiler, is not in PATH")
    done = subprocess.run(["npm", "pack", "--silent", _PACKAGE], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        unavailable(f"npm cannot fetch {_PACKAGE}: {done.stderr.strip()[-200:]}")
    (package,) = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        for jar in _JARS:
            member = archive.getmember(f"package/lib/{jar}.jar")
            member.name = Path(member.name).name
            archive.extract(member, folder, filter="data")
    package.unlink()
