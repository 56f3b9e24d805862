"""Writes the weights of an ONNX file as safetensors, for models written in code.

    python weights.py ../digits.onnx ../digits.safetensors
"""

import json
import struct
import sys

import numpy as np
import onnx
from onnx import numpy_helper

graph = onnx.load(sys.argv[1]).graph
header, data = {}, b""
for weight in sorted(graph.initializer, key=lambda weight: weight.name):
    array = np.ascontiguousarray(numpy_helper.to_array(weight), dtype="<f4")
    start = len(data)
    data += array.tobytes()
    header[weight.name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [start, len(data)]}
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[2], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
