import numpy as np
from threadpoolctl import threadpool_info


def predict():
    weights = np.eye(300) * 0.5
    (blas,) = threadpool_info()
    return {"value": (weights @ np.eye(300))[7, 7], "threads": blas["num_threads"]}
