"""Writes networks.json: gradients of the cross-entropy with respect to the input of whole
networks, by PyTorch's autograd in float64.

Run in this folder, beside ../../../shared, with torch 2.15, onnx 1.23 and numpy:
python make_networks.py > networks.json

Where a ReLU's input is within rounding of zero, float32 may stand on the other side of
its kink, and either gradient is one. `kinks` says for each example how much that may
make: the gradient is computed anew with each such ReLU on its other side, and the
largest changes, relative to the largest entry of the gradient, are summed.
"""

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/assets"
# Float32 is no further from float64 than this at any ReLU of these networks.
NEAR = 1e-5


class Network:
    """An ONNX graph by torch in float64. `inputs` are those of its ReLUs."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.nodes = [(n.op_type, list(n.input), n.output[0], {a.name: helper.get_attribute_value(a) for a in n.attribute}) for n in graph.node]
        self.weights = {i.name: torch.tensor(numpy_helper.to_array(i).astype(np.float64)) for i in graph.initializer}
        self.input, self.output = graph.input[0].name, graph.output[0].name

    def __call__(self, x, other_side=None):
        """`other_side` is which ReLU, and which of its inputs, counted through."""
        v = {**self.weights, self.input: x}
        self.inputs = []
        for kind, i, out, a in self.nodes:
            t = v[i[0]]
            if kind == "Conv":
                y = F.conv2d(t, v[i[1]], v[i[2]], a.get("strides", 1), a["pads"][:2], 1, a.get("group", 1))
            elif kind == "Relu":
                mask = (t.detach() > 0).to(t)
                if other_side is not None and other_side[0] == len(self.inputs):
                    mask.view(-1)[other_side[1]] = 1 - mask.view(-1)[other_side[1]]
                self.inputs.append(t.detach())
                y = t * mask
            elif kind == "MaxPool":
                y = F.max_pool2d(t, a["kernel_shape"], a["strides"])
            elif kind == "Gemm":
                y = F.linear(t, v[i[1]] if a.get("transB") else v[i[1]].T, v[i[2]])
            elif kind == "Flatten":
                y = t.flatten(1)
            elif kind == "Add":
                y = t + v[i[1]]
            elif kind == "GlobalAveragePool":
                y = t.mean((2, 3), keepdim=True)
            else:
                raise SystemExit(f"what is {kind}?")
            v[out] = y
        return v[self.output]

    def gradient(self, x, labels, other_side=None):
        x = torch.tensor(x.astype(np.float64), requires_grad=True)
        loss = F.cross_entropy(self(x, other_side), torch.tensor(labels), reduction="sum")
        return torch.autograd.grad(loss, x)[0].numpy()


def levels(images):
    """0 to 255."""
    images = np.asarray(images)
    return images if images.dtype == np.uint8 else np.round(images * 255).astype(np.uint8)


def main():
    networks = []
    for name, file, images in [
        ("digits", "models/digits.onnx", np.load(ROOT / "data/digits-test.npz")["x"][:8]),
        ("digits32", "models/digits32.onnx", np.load(ROOT / "data/digits32-test.npz")["x"][:8]),
        ("wong-kolter", "../shared/assets/reference/mnist_kw.onnx", np.load(SHARED / "reference/mnist_test.npz")["x"][:8]),
        ("resnet20", "../shared/assets/registry/resnet20.onnx", np.load(SHARED / "registry/photos_32.npy")[:6].transpose(0, 3, 1, 2)),
    ]:
        network = Network(ROOT / file)
        # Noise, so that no two numbers of a max-pool's window are equal, where any of
        # their gradients is as good.
        noise = np.random.default_rng(1).integers(0, 32, images.shape)
        pixels = np.ascontiguousarray((levels(images) * 7.0 / 8 + noise).astype(np.uint8))
        x = pixels.astype(np.float32) / np.float32(255)
        with torch.no_grad():
            answers = network(torch.tensor(x.astype(np.float64)))
        # A wrong label, or the loss would be all rounding.
        labels = [(int(top) + 1 + n % 9) % 10 for n, top in enumerate(answers.argmax(1))]
        gradient = network.gradient(x, labels)
        kinks = []
        for n in range(len(x)):
            one, label = x[n : n + 1], labels[n : n + 1]
            exact = network.gradient(one, label)
            near = [(relu, int(at)) for relu, t in enumerate(network.inputs) for at in (t.view(-1).abs() < NEAR).nonzero().view(-1)]
            moved = [abs(network.gradient(one, label, at) - exact).max() / abs(exact).max() for at in near]
            kinks.append(float(f"{sum(moved):.3g}"))
        text = lambda numbers: base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()  # noqa: E731
        networks.append({
            "name": name, "file": file, "shape": list(x.shape), "pixels": text(pixels), "labels": labels,
            "gradient": text(gradient.astype("<f4")), "kinks": kinks,
        })
    print(json.dumps({"origin": f"torch {torch.__version__}, float64", "networks": networks}))


main()
