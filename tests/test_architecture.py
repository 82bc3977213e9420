"""The layers of the package, checked by reading the imports: they point one way. Sizes, and how light the start is."""

import ast
import graphlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ca_deploy

PACKAGE = Path(ca_deploy.__file__).parent
PLUG_INS = ("formats", "runtimes", "lowering", "models", "tasks", "targets", "devices")

# Every part (a folder or a loose module) of the package, lowest first: it may import the parts of earlier lines only.
LAYERS = (
    ("errors",),
    ("progress", "files", "shipped", "plugins"),
    ("delivery",),
    ("cache",),
    ("records",),
    ("processes",),
    ("mil", "programs"),
    ("graphs", "native"),
    ("models", "lowering", "data"),
    ("tasks",),
    ("networks",),
    ("runtimes",),
    ("formats", "targets", "devices"),
    ("recipes",),
    ("evaluation", "compat"),
    ("latency",),
    ("doctor", "pipeline", "reporting"),
    ("sweeps",),
    ("render",),
    ("api",),
    ("cli",),
    ("__main__",),
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}


def modules() -> dict[str, Path]:
    """``formats.onnx.export`` -> its file; a package is named after its folder."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def part_of(module: str) -> str:
    return module.partition(".")[0]


def statements(node: ast.AST, at_start: bool) -> Iterator[ast.stmt]:
    """Imports that are ever carried out; ``at_start``: only those made when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if at_start and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        yield from statements(child, at_start)


def imports(module: str, at_start: bool = False) -> set[str]:
    """The modules of ca_deploy that a module imports."""
    found = set()
    for statement in statements(ast.parse(MODULES[module].read_text(encoding="utf-8")), at_start):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            assert isinstance(statement, ast.ImportFrom)
            assert statement.level == 0, f"{module} imports relatively"
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        for name in names:
            parts = name.removeprefix("ca_deploy.").split(".")
            inner = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            if name.startswith("ca_deploy."):
                found |= {next((known for known in inner if known in MODULES), "__init__")}
    return found - {module}


def test_the_reader_sees_imports() -> None:
    assert "networks.checkpoint" in imports("networks.source")
    assert "networks.checkpoint" not in imports("networks.source", at_start=True)
    assert "recipes" not in imports("formats")
    assert "evaluation.metrics" in imports("evaluation.parity")


def test_every_part_has_its_layer() -> None:
    assert {part_of(module) for module in MODULES} - {"__init__"} == LAYER.keys()


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"__init__"}))
def test_imports_point_one_way(module: str) -> None:
    others = {part_of(name) for name in imports(module)} - {part_of(module), "__init__"}
    assert not {other for other in others if LAYER[other] >= LAYER[part_of(module)]}


def test_no_import_goes_in_a_circle() -> None:
    graph = {module: imports(module, at_start=True) for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()


def lengths(folder: Path) -> dict[str, int]:
    """Python file -> its number of lines."""
    return {
        path.relative_to(folder).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in folder.rglob("*.py")
    }


def test_loose_modules_are_few() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 10


@pytest.mark.parametrize("folder", [PACKAGE, Path(__file__).parent], ids=["package", "tests"])
def test_files_are_short(folder: Path) -> None:
    assert not {file: length for file, length in lengths(folder).items() if length > 300}


def test_most_files_of_the_package_are_very_short() -> None:
    assert statistics.median(lengths(PACKAGE).values()) <= 150


def test_plug_ins_do_not_know_each_other() -> None:
    def inside(module: str) -> tuple[str, str]:
        """Folder and plug-in; helpers (``_name``) and what a folder's ``__init__`` defines are for all in it."""
        folder, _, inner = module.partition(".")
        return folder, inner.partition(".")[0]

    for module in MODULES:
        folder, own = inside(module)
        if folder not in PLUG_INS or not own:
            continue
        for other_folder, other in map(inside, imports(module)):
            if other_folder in PLUG_INS and other and other_folder != folder:
                assert (folder, other_folder) == ("formats", "lowering"), f"{module} imports {other_folder}.{other}"
            if other_folder == folder and folder in ("formats", "runtimes", "targets"):
                assert other in ("", own) or other.startswith("_"), f"{module} imports {folder}.{other}"


def test_public_names_are_few_and_all_there() -> None:
    assert len(ca_deploy.__all__) <= 21
    for name in ca_deploy.__all__:
        assert getattr(ca_deploy, name) is not None
    # Python replaces an attribute by the folder of that name, once it is imported.
    assert not set(ca_deploy.__all__) & {part_of(module) for module in MODULES}
    with pytest.raises(AttributeError, match="no attribute 'exprot'"):
        _ = ca_deploy.exprot


def test_the_command_line_starts_without_heavy_libraries() -> None:
    heavy = {"torch", "onnx", "onnxruntime", "tensorflow", "numpy", "scipy", "skimage", "coremltools", "litert_torch"}
    heavy |= {"pydantic", "rich"}  # typer itself imports rich, but only to print its help
    command = [sys.executable, "-c", "import ca_deploy.cli, sys; print(*sys.modules)"]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "ca_deploy.cli.export" in loaded
    assert not heavy & {name.partition(".")[0] for name in loaded}


def test_ctrl_c_is_answered_before_anything_slow_is_imported() -> None:
    command = [sys.executable, "-c", "import ca_deploy.__main__, sys; print(*sys.modules)"]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    ours = {name for name in loaded if name.startswith("ca_deploy.")}
    assert ours == {f"ca_deploy.{name}" for name in ("__main__", "cache", "processes", "processes.discretion")}


def test_reports_are_printed_in_one_place() -> None:
    """Whatever else shows reports works on the blocks, as the terminal does."""
    users = {
        module
        for module, path in MODULES.items()
        if re.search(r"^\s*(from|import) rich\b", path.read_text(encoding="utf-8"), re.M)
    }
    assert users == {"render.terminal", "render.progress"}
    for module in MODULES:
        if part_of(module) == "render":
            assert "render.terminal" not in imports(module), f"{module} prints"
    assert not imports("render.blocks")


def test_programs_are_opened_in_one_place() -> None:
    loads = {module for module, path in MODULES.items() if "export.load(" in path.read_text(encoding="utf-8")}
    assert not loads, "torch.export.load runs code from the file: ca_deploy.programs.load vets it first"


def test_processes_are_started_in_one_place() -> None:
    """So that they end with this one; ssh and adb end by themselves, with the pipe or the link that they serve."""
    starts = re.compile(r"subprocess\.(Popen\(|run\(|call|check_)|os\.(system|popen|fork|spawn)|multiprocessing")
    users = {module for module, path in MODULES.items() if starts.search(path.read_text(encoding="utf-8"))}
    assert users == {"processes.group", "devices.ssh", "devices.adb"}


def test_temporary_files_are_made_in_one_place() -> None:
    """So that the next command removes what kill -9 leaves. Others: a longer life (--keep), or inside such a folder."""
    makes = re.compile(r"mkdtemp|mkstemp|(?<!def )TemporaryDirectory\(|TemporaryFile\(")
    users = {module for module, path in MODULES.items() if makes.search(path.read_text(encoding="utf-8"))}
    assert users == {"delivery.scratch", "devices._here", "formats.coreml.export"}
