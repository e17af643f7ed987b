"""The model: the next log-return, by a ridge regression that ``train.py`` trained."""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from . import features

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


def load() -> Ridge:
    """The trained model. JSON can be read in a review, and runs no code when it is loaded."""
    weights = json.loads((ARTIFACTS / "ridge.json").read_text())
    ridge = Ridge()
    ridge.coef_ = np.array(weights["coefficients"])
    ridge.intercept_ = weights["intercept"]
    ridge.n_features_in_ = len(ridge.coef_)
    return ridge


# Done once, when the worker imports this file.
MODEL = load()


def predict(nonce: int):
    """The prediction for the window that opened at block ``nonce``."""
    prices = features.closes(last=nonce, count=features.LAGS + 1)
    # An array of one element is a value; no float() needed.
    return MODEL.predict(features.log_returns(prices).reshape(1, -1))
