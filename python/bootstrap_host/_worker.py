"""The worker's own code for calling a function, out of the program that is installed with this package."""

import functools
import os
import subprocess
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Callable, List, Optional, Protocol, Tuple, cast

from . import RunContext


class Worker(Protocol):
    """What tests take of the module that the model process has."""

    def _call(self, function: Callable[..., object], nonce: int, context: RunContext) -> object:
        """What the function returns, awaited when that can be. What it raises comes through."""

    def _prediction(self, result: object) -> List[Tuple[Optional[str], str]]:
        """Label and text of each number in a result; `ValueError` when it is no prediction."""


def program() -> Path:
    """The installed `bootstrap`."""
    try:
        installed = files("bootstrap-host") or []
    except PackageNotFoundError:  # found on sys.path as in a checkout
        installed = []
    found = [Path(str(file.locate())) for file in installed if file.name == "bootstrap"]
    if not found:
        raise ImportError("the program `bootstrap` is not installed with this package: install its wheel again")
    return found[0]


@functools.lru_cache(maxsize=None)
def worker() -> Worker:
    """Loads the module from memory, as the model process does."""
    memory = os.memfd_create("bootstrap_host")
    try:
        subprocess.run([program(), "host", "--module"], stdout=memory, check=True, timeout=60)
        path = f"/proc/self/fd/{memory}"
        # The name is that of its init function; the package keeps its place in sys.modules.
        loader = ExtensionFileLoader("bootstrap_host", path)
        module = loader.create_module(ModuleSpec("bootstrap_host", loader, origin=path))
        loader.exec_module(module)
    finally:
        os.close(memory)
    return cast(Worker, module)
