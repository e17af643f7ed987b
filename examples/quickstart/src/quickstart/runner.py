"""A model in pure Python: a wave around a mean, its weights read once at import."""

import json
import math
from pathlib import Path

WEIGHTS = json.loads((Path(__file__).parents[2] / "artifacts" / "weights.json").read_text())


def predict(nonce: int) -> float:
    """The prediction for the window that opened at block `nonce`."""
    phase = 2 * math.pi * nonce / WEIGHTS["period"]
    return WEIGHTS["mean"] + WEIGHTS["amplitude"] * math.sin(phase)
