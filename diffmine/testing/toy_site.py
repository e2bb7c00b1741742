"""A folder of installed distributions, as pip would leave it, to test what diffmine makes of plugins."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from diffmine.plugins.manager import load_plugins
from diffmine.plugins.registry import Registry


class Site:
    """A folder of distributions, each a module of its name."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def install(self, name: str, source: str, *, plugin: str = "", version: str = "1.2") -> Path:
        """Write a distribution, or another version of it.

        Args:
            name: of the distribution; its module has underscores for hyphens.
            source: of the module; an indentation of the whole is taken away.
            plugin: name of its entry point; default: the distribution's.
        Returns:
            the path of the module.
        """
        if self._module(name).exists():
            self.uninstall(name)
        module = self._module(name)
        module.write_text(textwrap.dedent(source), encoding="utf-8")
        info = self.folder / f"{module.stem}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[diffmine]\n{plugin or name} = {module.stem}\n", encoding="utf-8")
        return module

    def uninstall(self, name: str) -> None:
        """Remove a distribution."""
        module = self._module(name)
        module.unlink()
        for info in self.folder.glob(f"{module.stem}-*.dist-info"):
            shutil.rmtree(info)

    def registry(self, *disabled: str) -> Registry:
        """What diffmine sees in this process, were the folder on its path."""
        for path in self.folder.glob("*.py"):
            sys.modules.pop(path.stem, None)
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        try:
            return Registry(load_plugins(frozenset(disabled)))
        finally:
            sys.path.remove(str(self.folder))

    def diffmine(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command in a process that has the folder on its path."""
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **variables}
        command = [sys.executable, "-m", "diffmine", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def listed(self, **variables: str) -> dict[str, Any]:
        """What ``diffmine plugins --json`` says."""
        result = self.diffmine("plugins", "--json", **variables)
        listed: dict[str, Any] = json.loads(result.stdout)
        return listed

    def _module(self, name: str) -> Path:
        return self.folder / f"{name.replace('-', '_')}.py"
