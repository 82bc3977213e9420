"""The shipped data: inside an installed wheel, or at the top of a checkout."""

from pathlib import Path

from ca_deploy.errors import CaDeployError, UsageError, unknown_name

_PACKAGE = Path(__file__).parent


def data_folder(name: str) -> Path:
    """The folder ``export_recipes`` or ``calibration``, wherever this copy of ca-deploy keeps it."""
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise CaDeployError(
        f"This installation of ca-deploy lacks its folder {name!r}. Reinstall it: pip install ca-deploy."
    )


def data_files(folder: str, suffix: str) -> list[Path]:
    return sorted(data_folder(folder).glob(f"*{suffix}"))


def find_data_file(folder: str, name: str, kind: str, list_command: str) -> Path:
    """A TOML file by explicit path (anything that ends in ``.toml``), or a shipped one by its stem.

    Raises:
        UsageError: there is none of that name; the message suggests the closest.
    """
    path = Path(name)
    if path.suffix == ".toml":
        if path.exists() or path.is_symlink():
            return path  # whoever reads it refuses what is not a file
        raise UsageError(f"{kind.capitalize()} {name} does not exist. Those with a name: {list_command}")
    shipped = {file.stem: file for file in data_files(folder, ".toml")}
    if name not in shipped:
        raise unknown_name(kind, name, shipped, list_command)
    return shipped[name]
