"""The few settings that `watchd ctl` needs, read without the checks that the daemons make of the whole file."""

from __future__ import annotations

import tomllib


class SettingsError(Exception):
    """The configuration can not be used. The message names the file and the key."""


class Settings:
    """Directories of the suite; the defaults are those of hft.config (a test compares them)."""

    def __init__(self) -> None:
        self.run_directory = "/dev/hugepages/hft"
        self.control_directory = "/run/hft"
        self.state_directory = "/var/lib/hft/watchd"

    @property
    def ctl_socket(self) -> str:
        return f"{self.control_directory}/ctl.sock"  # hft.control.CTL_SOCKET

    @property
    def veto(self) -> str:
        return f"{self.run_directory}/operator/veto"

    @property
    def braind_lock(self) -> str:
        return f"{self.run_directory}/braind/lock"


def read(path: str) -> Settings:
    """Raises SettingsError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib would be the slowest import of a kill)
            tree = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: can not be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    settings = Settings()
    settings.run_directory = _directory(path, tree, "run", "directory", settings.run_directory)
    settings.control_directory = _directory(
        path, tree, "run", "control_directory", settings.control_directory
    )
    settings.state_directory = _directory(path, tree, "watchd", "state_directory", settings.state_directory)
    return settings


def _directory(path: str, tree: dict[str, object], section: str, key: str, default: str) -> str:
    holder = tree.get(section, {})
    value = holder.get(key, default) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise SettingsError(f"{path}: {section}.{key}: not an absolute path")
    return value
