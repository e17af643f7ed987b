"""What the model sees of a price series. Training and prediction share this file."""

import numpy as np

LAGS = 8  # log-returns


def log_returns(closes: np.ndarray) -> np.ndarray:
    """One less than there are prices."""
    return np.diff(np.log(closes))


def latest(closes: np.ndarray) -> np.ndarray:
    """The features of the step after the last price, shape (1, LAGS). Needs LAGS + 1 prices."""
    return log_returns(closes)[-LAGS:].reshape(1, LAGS)


def training_set(closes: np.ndarray) -> "tuple[np.ndarray, np.ndarray]":
    """Features of shape (n, LAGS) and, for each row, the log-return that came next."""
    returns = log_returns(closes)
    windows = np.lib.stride_tricks.sliding_window_view(returns, LAGS)
    return windows[:-1], returns[LAGS:]
