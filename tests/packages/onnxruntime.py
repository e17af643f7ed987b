import os

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def threads():
    return len(os.listdir("/proc/self/task"))


x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])
weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [0.25, 0.25])
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
before = threads()
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
# The one that asks computes too.
pool = 1 + threads() - before


def predict():
    return {"value": session.run(None, {"x": np.ones((1, 2), np.float32)})[0], "threads": pool}
