import math

from src.my_model.runner import predict


def test_a_prediction_is_one_small_number():
    for nonce in (100, 4_500, 10_000_000):
        predicted = predict(nonce)
        assert predicted.shape == (1,)
        assert math.isfinite(predicted[0]) and abs(predicted[0]) < 1
