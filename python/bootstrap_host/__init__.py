"""What a model may import of its worker.

In the worker's model process these names are built in. This file serves the processes that a model starts, and, where
the wheel is installed, tests and type checkers; `bootstrap_host.testing` calls a function as the worker does.
"""

import os
import time
from dataclasses import InitVar, dataclass, field
from typing import Optional

__all__ = ["RunContext", "Skip"]


class Skip(Exception):
    """Raise it to leave this nonce out on purpose: raise Skip("why")."""


@dataclass(frozen=True)
class RunContext:
    """What a model may ask about the window that it answers. Every attribute is read-only.

    The worker makes one for each call; tests make their own. `seconds` is the time that the call has from now on.
    """

    nonce: int
    """Block height of the nonce."""
    topic_id: int = 1
    """The topic that asks."""
    window_closes_at: Optional[int] = field(default=None, repr=False)
    """Last block of the window, `None` when there is none."""
    network: str = "devnet"
    """Name or address of the network."""
    bundle_root: str = field(default_factory=os.getcwd, repr=False)
    """The bundle's folder."""
    artifacts_dir: str = field(default="", repr=False)
    """Where its weights lie; of a bundle that does not say, `artifacts`."""
    seconds: InitVar[float] = 25.0
    _ends: float = field(init=False, repr=False, compare=False)

    def __post_init__(self, seconds: float) -> None:
        object.__setattr__(self, "_ends", time.monotonic() + seconds)
        if not self.artifacts_dir:
            object.__setattr__(self, "artifacts_dir", os.path.join(self.bundle_root, "artifacts"))

    @property
    def deadline(self) -> float:
        """Seconds left until the call is ended by force, by the monotonic clock; never below zero."""
        return max(0.0, self._ends - time.monotonic())
