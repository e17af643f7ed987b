import numpy as np
import xgboost
from threadpoolctl import threadpool_info

x = np.linspace(-1, 1, 200).reshape(-1, 1)
model = xgboost.train({"learning_rate": 1.0}, xgboost.DMatrix(x, np.sign(x.ravel()) / 2), num_boost_round=5)


def predict():
    openmp = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]
    return {"value": model.predict(xgboost.DMatrix([[1.0]])), "threads": max(openmp)}
