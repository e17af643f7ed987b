from scipy import linalg
from threadpoolctl import threadpool_info


def predict():
    x = linalg.solve([[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    return {"value": x[0], "threads": max(pool["num_threads"] for pool in threadpool_info())}
