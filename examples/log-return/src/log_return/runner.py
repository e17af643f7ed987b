"""The entry point: the next log-return, from a model that is loaded once, at import."""

from . import artifact, features, prices

model = artifact.load()


def predict(nonce: int):
    closes = prices.closes(last=nonce, count=features.LAGS + 1)
    predicted = model.predict(features.latest(closes))
    # What a model prints or logs appears in the worker's log, with the nonce.
    print(f"price {closes[-1]:.2f}, next log-return {predicted[0]:+.5f}")
    return predicted  # an array of one element is a value; no float() needed
