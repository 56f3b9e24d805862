"""The digits network in PyTorch, from the weights in `models/*.safetensors`: a worker.

    worker = ["python3", "digits.py", "models/digits.safetensors"]
"""

import steadfast_worker  # first: what is printed from here on goes to stderr

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F


def network(path):
    """The forward pass, from [batch, 1, 8, 8] to logits, [batch, 10]."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    weights = {}
    for name, about in header.items():
        start, end = about["data_offsets"]
        values = np.frombuffer(data[start:end], "<f4").reshape(about["shape"])
        weights[name] = torch.from_numpy(values.copy())

    def layer(name):
        return weights[name + ".weight"], weights[name + ".bias"]

    def forward(x):
        x = F.max_pool2d(F.relu(F.conv2d(x, *layer("conv1"), padding=1)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, *layer("conv2"), padding=1)), 2)
        x = F.relu(F.linear(torch.flatten(x, 1), *layer("fc1")))
        return F.linear(x, *layer("fc2"))

    return forward


if __name__ == "__main__":
    torch.set_num_threads(1)
    model = network(sys.argv[1])

    @torch.inference_mode()
    def predict(inputs):
        return model(torch.from_numpy(inputs))

    def gradient(inputs, cotangents_of):
        x = torch.from_numpy(inputs).requires_grad_()
        answers = model(x)
        answers.backward(torch.from_numpy(cotangents_of(answers)))
        return x.grad

    steadfast_worker.serve(
        predict, gives="logits", classes=10, gradient=gradient, input_shape=[1, 8, 8]
    )
