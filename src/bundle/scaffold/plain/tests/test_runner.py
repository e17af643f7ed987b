from src.my_model.runner import predict


def test_a_prediction_is_a_finite_number_above_zero():
    for nonce in (1, 60, 10_000_000):
        assert 0 < predict(nonce) < float("inf")


def test_the_same_block_has_the_same_prediction():
    assert predict(120) == predict(120)
