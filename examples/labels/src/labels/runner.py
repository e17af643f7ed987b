"""Several outputs: how likely the next move is up, flat or down."""

import json
import math
from pathlib import Path

SCORES = json.loads((Path(__file__).parents[2] / "artifacts" / "scores.json").read_text())


def predict(nonce: int) -> dict[str, float]:
    """One probability for each label; together they are 1."""
    drift = math.sin(nonce / 40)
    weights = {label: math.exp(score["bias"] + score["drift"] * drift) for label, score in SCORES.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}
