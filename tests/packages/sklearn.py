import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_info

x = np.linspace(-1, 1, 200).reshape(-1, 1)
model = HistGradientBoostingRegressor(learning_rate=1.0, max_iter=5).fit(x, np.sign(x.ravel()) / 2)


def predict():
    return {"value": model.predict([[1.0]]), "threads": max(pool["num_threads"] for pool in threadpool_info())}
