import lightgbm
import numpy as np
from threadpoolctl import threadpool_info

x = np.linspace(-1, 1, 200).reshape(-1, 1)
model = lightgbm.train(
    {"learning_rate": 1.0, "verbose": -1}, lightgbm.Dataset(x, np.sign(x.ravel()) / 2), num_boost_round=5
)


def predict():
    openmp = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]
    return {"value": model.predict([[1.0]]), "threads": max(openmp)}
