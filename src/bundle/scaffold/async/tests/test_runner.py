import asyncio

from src.my_model.runner import predict


def test_a_prediction_is_a_finite_number_above_zero():
    for nonce in (1, 60, 10_000_000):
        assert 0 < asyncio.run(predict(nonce)) < float("inf")
