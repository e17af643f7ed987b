"""The model. The worker imports this file once and calls ``predict`` in each window."""

import json
import math
from pathlib import Path

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"

# What takes long belongs here, where it is done once.
WEIGHTS = json.loads((ARTIFACTS / "weights.json").read_text())


def predict(nonce: int) -> float:
    """The prediction for the window that opened at block ``nonce``: replace this by your own."""
    phase = 2 * math.pi * nonce / WEIGHTS["period"]
    value = WEIGHTS["mean"] + WEIGHTS["amplitude"] * math.sin(phase)
    # What a model prints or logs appears in the worker's log, with the nonce.
    print(f"block {nonce}: {value:.2f}")
    return value
