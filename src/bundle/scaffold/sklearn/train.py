"""Trains the model and writes its weights: ``.venv/bin/python train.py``."""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from src.my_model import features

returns = features.log_returns(features.closes(last=4000, count=4000))
windows = np.lib.stride_tricks.sliding_window_view(returns, features.LAGS)
inputs, targets = windows[:-1], returns[features.LAGS :]
held_out = 800
ridge = Ridge(alpha=1e-3).fit(inputs[:-held_out], targets[:-held_out])
print(f"R2 on {held_out} held-out steps: {ridge.score(inputs[-held_out:], targets[-held_out:]):.3f}")

path = Path(__file__).resolve().parent / "artifacts" / "ridge.json"
weights = {"intercept": float(ridge.intercept_), "coefficients": ridge.coef_.tolist()}
path.write_text(json.dumps(weights, indent=2) + "\n")
