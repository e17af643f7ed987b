"""What the model sees of a price series. Training and prediction share this file."""

import numpy as np

LAGS = 8  # log-returns


def closes(last: int, count: int) -> np.ndarray:
    """The ``count`` prices that end with step ``last``, oldest first: replace this by your own source.

    A made-up market. Each step has a random generator of its own, so a step has the same price in training and in
    every later call.
    """
    steps = np.arange(last - count + 1, last + 1)
    noise = np.array([np.random.default_rng(step).normal() for step in steps + 2**32])
    return 2500 * np.exp(0.05 * np.sin(steps / 200) + 0.01 * noise)


def log_returns(prices: np.ndarray) -> np.ndarray:
    """One less than there are prices."""
    return np.diff(np.log(prices))
