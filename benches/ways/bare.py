"""The time of a batch of 64 digits in Python, in milliseconds, one thread: one in ten is
quicker.

    bare.py torch WEIGHTS.safetensors
    bare.py onnxruntime MODEL.onnx
"""

import sys
import time

import numpy as np

engine, path = sys.argv[1:]
x = np.random.default_rng(0).random((64, 1, 8, 8), dtype=np.float32)
if engine == "torch":
    import torch
    from digits import network

    torch.set_num_threads(1)
    model, x = network(path), torch.from_numpy(x)
    inference = torch.inference_mode()
    call = inference(lambda: model(x))
else:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    call = lambda: session.run(["logits"], {"x": x})

for _ in range(20):
    call()
times, start = [], time.perf_counter()
while time.perf_counter() < start + 1:
    before = time.perf_counter()
    call()
    times.append(time.perf_counter() - before)
print(1e3 * sorted(times)[len(times) // 10])
