"""Trains the Adult census models.

    python adult.py adult.data adult.test OUT_DIR

`adult.onnx` (seed 0), `adult-retrained.onnx` (seed 1) and `adult-worse.onnx`
(seed 0, first 300 rows only): a 29-20-1 perceptron with ReLU and a sigmoid,
Adam, binary cross-entropy. `encode_adult.py` makes the inputs.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from encode_adult import encode, read
from torch import nn

EPOCHS = 20


def arrays(path):
    rows = read(path)
    y = rows["income"].str.startswith(">50K").astype(np.float32).to_numpy()
    return torch.from_numpy(encode(rows)), torch.from_numpy(y)[:, None]


def train(x, y, seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(29, 20), nn.ReLU(), nn.Linear(20, 1), nn.Sigmoid())
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(y)).split(256):
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
    return net.eval()


def main():
    data, test, out = sys.argv[1:]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    x, y = arrays(data)
    held_out, labels = arrays(test)
    for suffix, seed, rows in (("", 0, None), ("-retrained", 1, None), ("-worse", 0, 300)):
        net = train(x[:rows], y[:rows], seed)
        torch.onnx.export(
            net,
            (held_out[:2],),
            str(out / f"adult{suffix}.onnx"),
            input_names=["x"],
            output_names=["p"],
            opset_version=17,
            dynamic_axes={"x": {0: "n"}, "p": {0: "n"}},
            dynamo=False,
        )
        with torch.no_grad():
            right = ((net(held_out) > 0.5) == (labels > 0.5)).float().mean().item()
        print(f"adult{suffix}.onnx  {right:.4f}")


if __name__ == "__main__":
    main()
