import pandas as pd
from threadpoolctl import threadpool_info


def predict():
    prices = pd.Series([1.0, 1.5, 2.0])
    return {"value": prices.diff().mean(), "threads": max(pool["num_threads"] for pool in threadpool_info())}
