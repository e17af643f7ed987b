"""The worker takes what the function returns. Needs the wheel of bootstrap, and is skipped without it."""

import pytest

from src.my_model.runner import predict

testing = pytest.importorskip("bootstrap_host.testing")


def test_the_worker_takes_each_prediction():
    for nonce in (1, 60, 10_000_000):
        testing.ask(predict, nonce)
