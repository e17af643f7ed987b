"""Trains the model and writes ``artifacts/ridge.json``: ``.venv/bin/python train.py``."""

from sklearn.linear_model import Ridge

from src.log_return import artifact, features, prices

inputs, targets = features.training_set(prices.closes(last=4000, count=4000))
held_out = 800
model = Ridge(alpha=1e-3).fit(inputs[:-held_out], targets[:-held_out])
artifact.save(model)
print(f"R2 on {held_out} held-out steps: {model.score(inputs[-held_out:], targets[-held_out:]):.3f}")
print(f"wrote {artifact.PATH.relative_to(artifact.PATH.parents[1])}")
