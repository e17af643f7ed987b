from src.my_model.runner import predict


def test_each_label_has_a_probability_and_together_they_are_one():
    for nonce in (1, 60, 10_000_000):
        values = predict(nonce)
        assert set(values) == {"up", "flat", "down"}
        assert all(0 <= value <= 1 for value in values.values())
        assert abs(sum(values.values()) - 1) < 1e-9
