"""Trains the digits models and writes their test data.

    python digits.py OUT_DIR

For each size (8×8, 32×32): `digits.onnx` (seed 0), `digits-retrained.onnx`
(seed 1), `digits-worse.onnx` (seed 0, first 250 training images only), and
`digits-test.npz`; the names begin with `digits32` for the larger size.

Data: scikit-learn's `load_digits()`, in the order of
`numpy.random.RandomState(0).permutation(1797)`: the first 1,297 train, the last
500 test. Inputs are pixel / 16; the larger size is upscaled bilinearly and
rounded to k/255.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

TEST = 500
EPOCHS = 30


class DigitsCNN(nn.Module):
    """Two 3×3 convolutions (16, 32), each ReLU and 2×2 max-pool, then 64 and 10."""

    def __init__(self, side):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * (side // 4) ** 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))


def digits(side):
    data = load_digits()
    x = torch.from_numpy((data.images / 16.0).astype(np.float32))[:, None]
    if side != 8:
        x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
        x = torch.round(x * 255) / 255
    y = torch.from_numpy(data.target.astype(np.int64))
    order = np.random.RandomState(0).permutation(len(y))
    train, test = order[:-TEST], order[-TEST:]
    return x[train], y[train], x[test], y[test]


def train(side, seed, images=None):
    torch.manual_seed(seed)
    x, y, _, _ = digits(side)
    x, y = x[:images], y[:images]
    net = DigitsCNN(side)
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(y), generator=generator).split(64):
            optimiser.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
    return net.eval()


def export(net, example, path):
    torch.onnx.export(
        net,
        (example[:2],),
        str(path),
        input_names=["x"],
        output_names=["logits"],
        opset_version=17,
        dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}},
        dynamo=False,
    )


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # the same weights whatever the core count
    for name, side in (("digits", 8), ("digits32", 32)):
        _, _, x, y = digits(side)
        np.savez(out / f"{name}-test.npz", x=x.numpy(), y=y.numpy())
        for suffix, seed, images in (("", 0, None), ("-retrained", 1, None), ("-worse", 0, 250)):
            net = train(side, seed, images)
            export(net, x, out / f"{name}{suffix}.onnx")
            with torch.no_grad():
                right = (net(x).argmax(1) == y).float().mean().item()
            print(f"{name}{suffix}.onnx  {right:.3f}")


if __name__ == "__main__":
    main()
