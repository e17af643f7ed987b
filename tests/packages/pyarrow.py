import pyarrow
from pyarrow import compute


def predict():
    return {"value": compute.mean(pyarrow.array([0.0, 1.0])).as_py(), "threads": pyarrow.cpu_count()}
