"""The trained model as JSON: it can be read in a review and runs no code when it is loaded."""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

PATH = Path(__file__).resolve().parents[2] / "artifacts" / "ridge.json"


def save(model: Ridge) -> None:
    document = {"intercept": float(model.intercept_), "coefficients": model.coef_.tolist()}
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(document, indent=2) + "\n")


def load() -> Ridge:
    document = json.loads(PATH.read_text())
    model = Ridge()
    model.coef_ = np.array(document["coefficients"])
    model.intercept_ = document["intercept"]
    model.n_features_in_ = len(model.coef_)
    return model
