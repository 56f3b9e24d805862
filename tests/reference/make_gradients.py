"""Writes gradients.json: input gradients of small ONNX graphs by PyTorch's autograd
in float64, each held against central differences of the same float64 forward. What
rounds has no such differences; there autograd passes it straight through.

Run with torch 2.15 (which exports five networks), onnx 1.23, onnxruntime 1.32 (which
quantises three) and numpy:
python make_gradients.py > gradients.json
"""

import base64
import io
import json
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(7)
cases = []


def case(name, nodes, forward, shape, weights=None, opset=17, x=None, straight=False, kink=False):
    """`nodes` lead from `x` to `y`; `forward` is the same in torch, of (x, weights).
    `straight`: the gradient passes rounding as if it were not there. `kink`: `x` is where
    differences do not say which subgradient is taken."""
    weights = {k: np.asarray(v) for k, v in (weights or {}).items()}
    held = {
        k: torch.tensor(v.astype(np.float64)) if v.dtype == np.float32 else v
        for k, v in weights.items()
    }
    x = rng.normal(size=shape).astype(np.float32) if x is None else x.astype(np.float32)
    tensor = torch.tensor(x.astype(np.float64), requires_grad=True)
    run = lambda t: forward(t, held).reshape(len(x), -1)  # noqa: E731
    y = run(tensor)
    cotangent = rng.normal(size=tuple(y.shape)).astype(np.float32)
    g = torch.tensor(cotangent.astype(np.float64))
    gradient = torch.autograd.grad((y * g).sum(), tensor)[0].numpy()
    assert gradient.any(), f"{name}: nothing comes back"
    # Central differences at a few places.
    for flat in [] if straight or kink else rng.choice(x.size, min(x.size, 12), replace=False):
        step = np.zeros(x.size)
        step[flat] = 1e-6
        step = torch.tensor(step.reshape(x.shape))
        at = tensor.detach()
        numeric = float((((run(at + step) - run(at - step)) * g).sum()) / 2e-6)
        exact = gradient.reshape(-1)[flat]
        assert abs(numeric - exact) < 1e-6 * max(1, abs(gradient).max()), (name, numeric, exact)
    # A last node makes a table of the answers.
    made = [helper.make_node(k, i, o, **a) for k, i, o, a in nodes]
    made.append(helper.make_node("Flatten", ["y"], ["flat"], axis=1))
    graph = helper.make_graph(
        made,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape[1:]])],
        [helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["n", None])],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    keep(name, model, x, cotangent, gradient, straight)


def keep(name, model, x, cotangent, gradient, straight):
    onnx.checker.check_model(model)
    # The shortest decimals that read as these float32 numbers.
    shortest = lambda numbers: [float(str(v)) for v in numbers.reshape(-1)]  # noqa: E731
    cases.append({
        "name": name,
        "onnx": base64.b64encode(model.SerializeToString()).decode(),
        **({"straight_through": True} if straight else {}),
        "shape": list(x.shape),
        "x": shortest(x),
        "cotangent": shortest(cotangent),
        "gradient": [float(f"{v:.9g}") for v in gradient.reshape(-1)],
    })


def f32(*shape):
    return rng.normal(size=shape).astype(np.float32)


def one(kind, **attributes):
    return [(kind, ["x"], ["y"], attributes)]


# Convolutions.
for k, s, p, d, g, size in [
    (3, 1, 1, 1, 1, (7, 6)), (3, 2, 1, 1, 1, (8, 7)), (3, 2, 0, 1, 2, (9, 8)), (5, 3, 2, 1, 1, (11, 9)),
    (3, 1, 2, 2, 1, (7, 7)), (3, 2, 2, 2, 4, (9, 8)), (1, 1, 0, 1, 1, (4, 5)), (1, 2, 0, 1, 1, (5, 6)),
    (3, 1, 1, 1, 4, (6, 6)), (2, 1, 3, 1, 1, (5, 5)),
]:
    w, b = f32(4, 4 // g, k, k), f32(4)
    case(
        f"conv kernel {k} stride {s} pad {p} dilation {d} group {g}",
        [("Conv", ["x", "w", "b"], ["y"], dict(kernel_shape=[k, k], strides=[s, s], pads=[p] * 4, dilations=[d, d], group=g))],
        lambda x, v, s=s, p=p, d=d, g=g: F.conv2d(x, v["w"], v["b"], s, p, d, g),
        (3, 4, *size), dict(w=w, b=b),
    )
case("conv with uneven pads",
     [("Conv", ["x", "w"], ["y"], dict(kernel_shape=[3, 2], strides=[2, 1], pads=[0, 1, 2, 0]))],
     lambda x, v: F.conv2d(F.pad(x, (1, 0, 0, 2)), v["w"], None, (2, 1)), (2, 3, 6, 5), dict(w=f32(2, 3, 3, 2)))
case("conv SAME_UPPER",
     [("Conv", ["x", "w"], ["y"], dict(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"))],
     lambda x, v: F.conv2d(F.pad(x, (0, 1, 1, 1)), v["w"], None, 2), (2, 3, 7, 6), dict(w=f32(2, 3, 3, 3)))
for s, p, d in [(1, 1, 1), (2, 1, 1), (3, 0, 2)]:
    case(f"conv 1-D stride {s} pad {p} dilation {d}",
         [("Conv", ["x", "w"], ["y"], dict(kernel_shape=[3], strides=[s], pads=[p, p], dilations=[d]))],
         lambda x, v, s=s, p=p, d=d: F.conv1d(x, v["w"], None, s, p, d), (2, 3, 11), dict(w=f32(4, 3, 3)))
for k, s, p, o, g in [(3, 1, 0, 0, 1), (3, 2, 1, 1, 1), (4, 2, 1, 0, 2)]:
    case(f"conv transpose kernel {k} stride {s} pad {p} more {o} group {g}",
         [("ConvTranspose", ["x", "w"], ["y"], dict(kernel_shape=[k, k], strides=[s, s], pads=[p] * 4, output_padding=[o, o], group=g))],
         lambda x, v, s=s, p=p, o=o, g=g: F.conv_transpose2d(x, v["w"], None, s, p, o, g), (2, 4, 4, 5), dict(w=f32(4, 2, k, k)))

# Matrix products.
for ta, tb, alpha in [(0, 0, 1.0), (0, 1, 0.5), (0, 1, 1.0)]:
    w = f32(5, 4) if tb else f32(4, 5)
    case(f"gemm transB {tb} alpha {alpha}", [("Gemm", ["x", "w", "b"], ["y"], dict(transA=ta, transB=tb, alpha=alpha, beta=2.0))],
         lambda x, v, tb=tb, alpha=alpha: alpha * x @ (v["w"].T if tb else v["w"]) + 2 * v["b"], (3, 4), dict(w=w, b=f32(5)))
case("matmul of three axes", [("MatMul", ["x", "w"], ["y"], {})], lambda x, v: x @ v["w"], (2, 3, 4), dict(w=f32(4, 5)))
case("matmul from the left", [("MatMul", ["w", "x"], ["y"], {})], lambda x, v: v["w"] @ x, (2, 3, 4), dict(w=f32(5, 3)))
case("matmul of itself", [("Transpose", ["x"], ["t"], dict(perm=[0, 2, 1])), ("MatMul", ["x", "t"], ["y"], {})],
     lambda x, v: x @ x.transpose(1, 2), (2, 3, 4))

# Element by element.
positive = abs(rng.normal(size=(3, 2, 5))) + 0.3
for name, kind, fn, x in [
    ("relu", "Relu", F.relu, None), ("sigmoid", "Sigmoid", torch.sigmoid, None), ("tanh", "Tanh", torch.tanh, None),
    ("exp", "Exp", torch.exp, None), ("abs", "Abs", torch.abs, None), ("neg", "Neg", torch.neg, None),
    ("log", "Log", torch.log, positive), ("sqrt", "Sqrt", torch.sqrt, positive), ("reciprocal", "Reciprocal", torch.reciprocal, positive),
    ("softplus", "Softplus", F.softplus, None), ("erf", "Erf", torch.erf, None),
    ("hard swish", "HardSwish", F.hardswish, rng.normal(size=(3, 2, 5)) * 3), ("identity", "Identity", lambda t: t, None),
]:
    case(name, one(kind), lambda t, v, fn=fn: fn(t), (3, 2, 5), x=x)
case("leaky relu", one("LeakyRelu", alpha=0.2), lambda t, v: F.leaky_relu(t, 0.2), (3, 8))
case("elu", one("Elu", alpha=0.7), lambda t, v: F.elu(t, 0.7), (3, 8))
case("hard sigmoid", one("HardSigmoid", alpha=1 / 6), lambda t, v: F.hardsigmoid(t), (3, 8), x=rng.normal(size=(3, 8)) * 3)
case("prelu", [("PRelu", ["x", "w"], ["y"], {})], lambda t, v: torch.where(t > 0, t, t * v["w"]), (3, 4, 2, 2), dict(w=f32(4, 1, 1)))
case("clip", [("Clip", ["x", "low", "high"], ["y"], {})], lambda t, v: t.clamp(-0.5, 0.7), (3, 9), dict(low=np.float32(-0.5), high=np.float32(0.7)))
case("clip below", [("Clip", ["x", "low"], ["y"], {})], lambda t, v: t.clamp(-0.5), (3, 9), dict(low=np.float32(-0.5)))
case("gelu", one("Gelu"), lambda t, v: F.gelu(t), (3, 9), opset=20)
case("gelu by tanh", one("Gelu", approximate="tanh"), lambda t, v: F.gelu(t, approximate="tanh"), (3, 9), opset=20)
for kind, fn in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div)]:
    for shape, w in [((3, 2, 4), (2, 1)), ((3, 1, 4), (5, 1)), ((3, 4), (2, 1, 4)[1:])]:
        weight = f32(*w) + np.float32(3)
        case(f"{kind.lower()} {shape} and {w}", [(kind, ["x", "w"], ["y"], {})], lambda t, v, fn=fn: fn(t, v["w"]), shape, dict(w=weight))
    case(f"{kind.lower()} from the right", [(kind, ["w", "x"], ["y"], {})], lambda t, v, fn=fn: fn(v["w"], t), (3, 1, 4),
         dict(w=f32(2, 1)), x=abs(rng.normal(size=(3, 1, 4))) + 0.5)
case("a tensor used three times", [("Mul", ["x", "x"], ["s"], {}), ("Add", ["s", "x"], ["y"], {})], lambda t, v: t * t + t, (3, 5))
case("pow 2", [("Pow", ["x", "w"], ["y"], {})], lambda t, v: t**2, (3, 5), dict(w=np.float32(2)))
case("pow 2.5", [("Pow", ["x", "w"], ["y"], {})], lambda t, v: t**2.5, (3, 2, 5), dict(w=np.float32(2.5)), x=positive)
case("as an exponent", [("Pow", ["w", "x"], ["y"], {})], lambda t, v: v["w"] ** t, (3, 5), dict(w=np.float32(1.7)))
case("max", [("Max", ["x", "w"], ["y"], {})], lambda t, v: torch.maximum(t, v["w"]), (3, 5), dict(w=f32(5)))
case("min", [("Min", ["x", "w"], ["y"], {})], lambda t, v: torch.minimum(t, v["w"]), (3, 5), dict(w=f32(5)))
case("where", [("Greater", ["x", "w"], ["c"], {}), ("Where", ["c", "x", "w"], ["y"], {})],
     lambda t, v: torch.where(t > v["w"], t, v["w"]), (3, 5), dict(w=f32(5)))

# Pools.
for k, s, p, c in [(2, 2, 0, 0), (3, 2, 1, 0), (3, 1, 1, 0), (2, 2, 0, 1), (3, 3, 0, 1), (3, 2, 0, 1)]:
    for size in [(6, 6), (7, 8)]:
        case(f"max pool {k} stride {s} pad {p} ceil {c} of {size}", one("MaxPool", kernel_shape=[k, k], strides=[s, s], pads=[p] * 4, ceil_mode=c),
             lambda t, v, k=k, s=s, p=p, c=c: F.max_pool2d(t, k, s, p, ceil_mode=bool(c)), (2, 2, *size))
case("max pool 1-D", one("MaxPool", kernel_shape=[3], strides=[2]), lambda t, v: F.max_pool1d(t, 3, 2), (2, 3, 9))
for k, s, p, n in [(2, 2, 0, 0), (3, 2, 1, 0), (3, 2, 1, 1), (3, 1, 1, 1)]:
    case(f"average pool {k} stride {s} pad {p} count {n}", one("AveragePool", kernel_shape=[k, k], strides=[s, s], pads=[p] * 4, count_include_pad=n),
         lambda t, v, k=k, s=s, p=p, n=n: F.avg_pool2d(t, k, s, p, count_include_pad=bool(n)), (2, 2, 7, 6))
case("global average", one("GlobalAveragePool"), lambda t, v: t.mean((2, 3), keepdim=True), (2, 3, 4, 5))
case("global max", one("GlobalMaxPool"), lambda t, v: t.amax((2, 3), keepdim=True), (2, 3, 4, 5))

# Shapes.
case("reshape", [("Reshape", ["x", "s"], ["y"], {})], lambda t, v: t.reshape(len(t), -1, 2) ** 1, (3, 2, 4), dict(s=np.array([0, -1, 2])))
case("transpose", one("Transpose", perm=[0, 3, 1, 2]), lambda t, v: t.permute(0, 3, 1, 2), (2, 3, 4, 5))
case("squeeze", [("Squeeze", ["x", "a"], ["y"], {})], lambda t, v: t.squeeze(1), (3, 1, 4), dict(a=np.array([1])))
case("unsqueeze", [("Unsqueeze", ["x", "a"], ["y"], {})], lambda t, v: t.unsqueeze(2), (3, 4), dict(a=np.array([2])))
case("expand", [("Expand", ["x", "s"], ["y"], {})], lambda t, v: t.expand(-1, 4, -1), (3, 1, 5), dict(s=np.array([1, 4, 5])))
case("flatten", one("Flatten"), lambda t, v: t.flatten(1), (3, 2, 4))

# Normalisations, softmax, reductions.
case("batch normalisation", [("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], dict(epsilon=1e-3))],
     lambda t, v: F.batch_norm(t, v["m"], v["v"], v["s"], v["b"], eps=float(np.float32(1e-3))), (3, 4, 3, 2),
     dict(s=f32(4), b=f32(4), m=f32(4), v=abs(f32(4)) + np.float32(0.2)))
case("layer normalisation", [("LayerNormalization", ["x", "s", "b"], ["y"], dict(axis=-1))],
     lambda t, v: F.layer_norm(t, (6,), v["s"], v["b"], float(np.float32(1e-5))), (3, 4, 6), dict(s=f32(6), b=f32(6)))
case("instance normalisation", [("InstanceNormalization", ["x", "s", "b"], ["y"], {})],
     lambda t, v: F.instance_norm(t, weight=v["s"], bias=v["b"], eps=float(np.float32(1e-5))), (3, 4, 3, 5), dict(s=f32(4), b=f32(4)))
case("softmax", one("Softmax", axis=-1), lambda t, v: t.softmax(-1), (3, 6))
case("softmax of channels", one("Softmax", axis=1), lambda t, v: t.softmax(1), (3, 4, 2, 2))
case("log-softmax", one("LogSoftmax", axis=-1), lambda t, v: t.log_softmax(-1), (3, 6))
case("reduce mean", one("ReduceMean", axes=[2, 3], keepdims=0), lambda t, v: t.mean((2, 3)), (2, 3, 4, 5))
case("reduce sum", [("ReduceSum", ["x", "a"], ["y"], dict(keepdims=1))], lambda t, v: t.sum(1, keepdim=True), (2, 3, 4), dict(a=np.array([1])))
case("reduce max", one("ReduceMax", axes=[-1], keepdims=0), lambda t, v: t.amax(-1), (2, 3, 4))

# Picking along axes.
def i64(*numbers):
    return np.array(numbers, np.int64)


case("concat", [("Concat", ["x", "x"], ["y"], dict(axis=1))],
     lambda t, v: torch.cat([t, t], 1), (2, 3, 4))
case("concat from the end", [("Neg", ["x"], ["h"], {}), ("Concat", ["x", "h"], ["y"], dict(axis=-1))],
     lambda t, v: torch.cat([t, -t], -1), (3, 2, 5))
case("concat of two widths", [("Slice", ["x", "a", "b", "c"], ["h"], {}), ("Concat", ["h", "x"], ["y"], dict(axis=2))],
     lambda t, v: torch.cat([t[:, :, 1:3], t], 2), (2, 3, 4), dict(a=i64(1), b=i64(3), c=i64(2)))
case("split, all parts", [("Split", ["x", "s"], ["a", "b"], dict(axis=1)), ("Sigmoid", ["b"], ["c"], {}), ("Concat", ["c", "a"], ["y"], dict(axis=1))],
     lambda t, v: torch.cat([t[:, 2:].sigmoid(), t[:, :2]], 1), (2, 5, 3), dict(s=i64(2, 3)))
case("split, the middle part", [("Split", ["x", "s"], ["a", "y", "b"], dict(axis=1))],
     lambda t, v: t[:, 1:3], (2, 6, 3), dict(s=i64(1, 2, 3)))
case("split into equal parts", [("Split", ["x"], ["a", "b"], dict(axis=-1)), ("Mul", ["a", "b"], ["y"], {})],
     lambda t, v: t[..., :3] * t[..., 3:], (2, 2, 6))
for name, where, fn in [
    ("a piece", ([1], [3], [1], [1]), lambda t: t[:, 1:3]),
    ("every second", ([0], [9], [1], [2]), lambda t: t[:, ::2]),
    ("backwards", ([-1], [-(2**31)], [2], [-1]), lambda t: t.flip(2)),
    ("two axes", ([1, -3], [2**31 - 1, -1], [2, 1], [2, 1]), lambda t: t[:, -3:-1, 1::2]),
    ("with the batch", ([0, 2], [2**31 - 1, 4], [0, 1], [1, 1]), lambda t: t[:, 2:4]),
]:
    case(f"slice, {name}", [("Slice", ["x", "a", "b", "c", "d"], ["y"], {})], lambda t, v, fn=fn: fn(t), (2, 5, 6),
         dict(zip("abcd", (i64(*w) for w in where))))
for name, axis, index in [("once", 1, [3, 0]), ("repeated", 1, [2, 0, 2, -1]), ("of two axes", 2, [[0, 1], [1, 3]]), ("scalar", -1, 2)]:
    case(f"gather, {name}", [("Gather", ["x", "i"], ["y"], dict(axis=axis))],
         lambda t, v, axis=axis, index=index: t.index_select(axis, torch.tensor(index).reshape(-1) % t.shape[axis]), (2, 5, 4), dict(i=np.array(index, np.int64)))
for mode, torch_mode in [("constant", "constant"), ("reflect", "reflect"), ("edge", "replicate")]:
    case(f"pad, {mode}", [("Pad", ["x", "p"], ["y"], dict(mode=mode))],
         lambda t, v, m=torch_mode: F.pad(t, (2, 1, 0, 3), mode=m), (2, 2, 4, 5), dict(p=i64(0, 0, 0, 2, 0, 0, 3, 1)))
case("pad, negative", [("Pad", ["x", "p"], ["y"], {})], lambda t, v: F.pad(t, (-1, 2)), (2, 2, 5), dict(p=i64(0, 0, -1, 0, 0, 2)))
case("pad, named axes", [("Pad", ["x", "p", "", "a"], ["y"], {})], lambda t, v: F.pad(t, (0, 0, 1, 2)), (2, 2, 4, 3),
     dict(p=i64(1, 2), a=i64(2)), opset=18)

# Images of another size.
for size, to in [((3, 4), (6, 8)), ((5, 4), (10, 4)), ((6, 4), (3, 2))]:
    case(f"resize, nearest {size} to {to}",
         [("Resize", ["x", "", "s"], ["y"], dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"))],
         lambda t, v, to=to: F.interpolate(t, to, mode="nearest"), (2, 2, *size), dict(s=np.array([1, 1, *(b / a for a, b in zip(size, to))], np.float32)))
    case(f"resize, linear {size} to {to}",
         [("Resize", ["x", "", "s"], ["y"], dict(mode="linear", coordinate_transformation_mode="half_pixel"))],
         lambda t, v, to=to: F.interpolate(t, to, mode="bilinear"), (2, 2, *size), dict(s=np.array([1, 1, *(b / a for a, b in zip(size, to))], np.float32)))
case("resize, linear by 2.5", [("Resize", ["x", "", "s"], ["y"], dict(mode="linear", coordinate_transformation_mode="pytorch_half_pixel"))],
     lambda t, v: F.interpolate(t, scale_factor=2.5, mode="bilinear"), (2, 2, 4, 2), dict(s=np.array([1, 1, 2.5, 2.5], np.float32)))
case("resize, named axes", [("Resize", ["x", "", "", "s"], ["y"], dict(mode="linear", coordinate_transformation_mode="align_corners", axes=[2, 3]))],
     lambda t, v: F.interpolate(t, (7, 5), mode="bilinear", align_corners=True), (2, 2, 4, 3), dict(s=i64(7, 5)), opset=18)
case("resize, linear with corners", [("Resize", ["x", "", "s"], ["y"], dict(mode="linear", coordinate_transformation_mode="align_corners"))],
     lambda t, v: F.interpolate(t, (8, 6), mode="bilinear", align_corners=True), (2, 2, 4, 3), dict(s=np.array([1, 1, 2, 2], np.float32)))

# More axes and shapes of what has one case above.
for shape, axis in [((2, 3, 4), 1), ((3, 7), 1), ((2, 3, 2, 5), -1)]:
    size = shape[axis:]
    case(f"layer normalisation {shape} from {axis}", [("LayerNormalization", ["x", "s", "b"], ["y"], dict(axis=axis, epsilon=1e-3))],
         lambda t, v, size=size: F.layer_norm(t, size, v["s"], v["b"], float(np.float32(1e-3))), shape, dict(s=f32(*size), b=f32(*size)))
for shape in [(2, 3, 9), (2, 2, 4, 4)]:
    c = shape[1]
    case(f"instance normalisation {shape}", [("InstanceNormalization", ["x", "s", "b"], ["y"], dict(epsilon=1e-2))],
         lambda t, v: F.instance_norm(t, weight=v["s"], bias=v["b"], eps=float(np.float32(1e-2))), shape, dict(s=f32(c), b=f32(c)))
    case(f"batch normalisation {shape}", [("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], {})],
         lambda t, v: F.batch_norm(t, v["m"], v["v"], v["s"], v["b"], eps=float(np.float32(1e-5))), shape,
         dict(s=f32(c), b=f32(c), m=f32(c), v=abs(f32(c)) + np.float32(0.2)))
for shape, axis in [((2, 5, 3), 1), ((2, 3, 4), 2)]:
    case(f"log-softmax {shape} over {axis}", one("LogSoftmax", axis=axis), lambda t, v, a=axis: t.log_softmax(a), shape)
    case(f"softmax {shape} over {axis}", one("Softmax", axis=axis), lambda t, v, a=axis: t.softmax(a), shape)
    for kind, fn in [("ReduceMean", torch.mean), ("ReduceMax", torch.amax)]:
        case(f"{kind} {shape} over {axis}", one(kind, axes=[axis], keepdims=1), lambda t, v, a=axis, fn=fn: fn(t, a, keepdim=True), shape)
    case(f"ReduceSum {shape} over {axis}", [("ReduceSum", ["x", "a"], ["y"], dict(keepdims=0))], lambda t, v, a=axis: t.sum(a), shape,
         dict(a=i64(axis)))

# Two more shapes for each operator that goes element by element.
for shape in [(2, 7), (2, 3, 2, 2)]:
    above = abs(rng.normal(size=shape)) + 0.3
    for kind, fn, attributes, x in [
        ("Relu", F.relu, {}, None), ("Sigmoid", torch.sigmoid, {}, None), ("Tanh", torch.tanh, {}, None), ("Exp", torch.exp, {}, None),
        ("Abs", torch.abs, {}, None), ("Neg", torch.neg, {}, None), ("Log", torch.log, {}, above), ("Sqrt", torch.sqrt, {}, above),
        ("Reciprocal", torch.reciprocal, {}, above), ("Softplus", F.softplus, {}, None), ("Erf", torch.erf, {}, None),
        ("HardSwish", F.hardswish, {}, 3 * above), ("LeakyRelu", lambda t: F.leaky_relu(t, 0.5), dict(alpha=0.5), None),
        ("Elu", F.elu, {}, None), ("HardSigmoid", F.hardsigmoid, dict(alpha=1 / 6), 4 * above),
    ]:
        case(f"{kind} of {shape}", one(kind, **attributes), lambda t, v, fn=fn: fn(t), shape, x=x)

# At kinks and at the ends of what is defined: PyTorch's subgradient.
edge = np.array([[-3.0, -1.5, -0.5, 0.0], [0.0, 0.5, 1.5, 3.0]])
for kind, fn, attributes in [
    ("Relu", F.relu, {}), ("LeakyRelu", lambda t: F.leaky_relu(t, 0.3), dict(alpha=0.3)), ("Elu", lambda t: F.elu(t, 0.6), dict(alpha=0.6)),
    ("Celu", lambda t: F.celu(t, 0.6), dict(alpha=0.6)), ("Selu", F.selu, {}), ("Abs", torch.abs, {}),
    ("HardSigmoid", F.hardsigmoid, dict(alpha=1 / 6)), ("ReduceMax", lambda t: (t * 1).amax(1), dict(axes=[1], keepdims=0)),
]:
    case(f"{kind}, at its kink", one(kind, **attributes), lambda t, v, fn=fn: fn(t), edge.shape, x=edge, kink=True)
case("Clip, at its ends", [("Clip", ["x", "a", "b"], ["y"], {})], lambda t, v: t.clamp(-0.5, 1.5), edge.shape, dict(a=np.float32(-0.5), b=np.float32(1.5)), x=edge, kink=True)
case("PRelu, at its kink", [("PRelu", ["x", "w"], ["y"], {})], lambda t, v: F.prelu(t[:, :, None], v["w"])[:, :, 0], edge.shape, dict(w=f32(4)), x=edge, kink=True)
for kind, fn in [("Max", torch.maximum), ("Min", torch.minimum)]:
    case(f"{kind}, of equal numbers", [(kind, ["x", "w"], ["y"], {})], lambda t, v, fn=fn: fn(t, v["w"]), edge.shape, dict(w=edge[0].astype(np.float32)), x=edge, kink=True)
for kind, fn in [("ReduceMax", torch.amax), ("ReduceMin", torch.amin)]:
    case(f"{kind}, of equal numbers", one(kind, axes=[1], keepdims=0), lambda t, v, fn=fn: fn(t, 1), (2, 4), x=np.array([[1.0, 2, 2, 1], [0, 0, 0, 0]]), kink=True)
case("Pow, of 0 and to 0", [("Pow", ["x", "w"], ["y"], {})], lambda t, v: t ** v["w"], (2, 4), dict(w=np.array([0, 1, 2, 1.5], np.float32)),
     x=np.array([[0.0, 0, 0, 0], [1, 2, 3, 4]]), kink=True)
case("as an exponent of 0", [("Pow", ["w", "x"], ["y"], {})], lambda t, v: v["w"] ** t, (2, 3), dict(w=np.array([0, 1, 2], np.float32)),
     x=np.array([[1.0, 0, 2], [0.5, 2, 0]]), kink=True)
case("Softplus and Sigmoid, far out", [("Softplus", ["x"], ["a"], {}), ("Sigmoid", ["x"], ["b"], {}), ("Add", ["a", "b"], ["y"], {})],
     lambda t, v: F.softplus(t, threshold=1000) + torch.sigmoid(t), (2, 3), x=np.array([[-80.0, 80, 20], [-20, 0, 88]]), kink=True)
case("Gelu, Erf and Tanh, far out", [("Gelu", ["x"], ["a"], {}), ("Gelu", ["x"], ["b"], dict(approximate="tanh")), ("Tanh", ["x"], ["c"], {}), ("Erf", ["x"], ["d"], {}), ("Sum", ["a", "b", "c", "d"], ["y"], {})],
     lambda t, v: F.gelu(t) + F.gelu(t, approximate="tanh") + torch.tanh(t) + torch.erf(t), (2, 3), x=np.array([[-80.0, 80, 20], [-20, 0, 88]]), opset=20, kink=True)
case("Softmax and its logarithm, far apart", [("Softmax", ["x"], ["a"], {}), ("LogSoftmax", ["x"], ["b"], {}), ("Add", ["a", "b"], ["y"], {})],
     lambda t, v: t.softmax(-1) + t.log_softmax(-1), (2, 3), x=np.array([[-800.0, 800, 200], [-20, 0, 88]]), kink=True)

# Windows of random sizes, strides, paddings, dilations and groups.
def sizes(n, least, most):
    return [int(v) for v in rng.integers(least, most + 1, n)]


def both_sides(before, behind):
    """Pads as torch's F.pad takes them: the last axis first."""
    return [v for pair in zip(reversed(before), reversed(behind)) for v in pair]


for n in range(12):
    axes = 1 + n % 2
    kernel, strides, dilations = sizes(axes, 1, 4), sizes(axes, 1, 3), sizes(axes, 1, 2)
    before, behind = ([int(rng.integers(0, k)) for k in kernel] for _ in range(2))
    image = [d * (k - 1) + int(v) for k, d, v in zip(kernel, dilations, sizes(axes, 1, 5))]
    group, ins, outs = int(rng.choice([1, 1, 2, 3])), *sizes(2, 1, 2)
    w = f32(group * outs, ins, *kernel)
    convolve = (F.conv1d, F.conv2d)[axes - 1]
    case(f"conv, random {n}",
         [("Conv", ["x", "w", "b"], ["y"], dict(kernel_shape=kernel, strides=strides, dilations=dilations, pads=before + behind, group=group))],
         lambda t, v, c=convolve, p=both_sides(before, behind), s=strides, d=dilations, g=group: c(F.pad(t, p), v["w"], v["b"], s, 0, d, g),
         (2, group * ins, *image), dict(w=w, b=f32(group * outs)))
for n in range(8):
    axes = 1 + n % 2
    kernel, strides, dilations = sizes(axes, 1, 4), sizes(axes, 1, 3), sizes(axes, 1, 2)
    before, behind = ([int(rng.integers(0, (k + 1) // 2)) for k in kernel] for _ in range(2))
    more = [int(rng.integers(0, s)) for s in strides]
    group, ins, outs = int(rng.choice([1, 2])), *sizes(2, 1, 2)
    w = f32(group * ins, outs, *kernel)
    convolve = (F.conv_transpose1d, F.conv_transpose2d)[axes - 1]
    cut = both_sides([-b for b in before], [m - b for m, b in zip(more, behind)])
    case(f"conv transpose, random {n}",
         [("ConvTranspose", ["x", "w"], ["y"], dict(kernel_shape=kernel, strides=strides, dilations=dilations, pads=before + behind,
                                                    output_padding=more, group=group))],
         lambda t, v, c=convolve, p=cut, s=strides, d=dilations, g=group: F.pad(c(t, v["w"], None, s, 0, 0, g, d), p),
         (2, group * ins, *sizes(axes, 3, 5)), dict(w=w))
for n in range(8):
    axes = 1 + n % 2
    kernel, strides = sizes(axes, 2, 3), sizes(axes, 1, 3)
    pads = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    image, up = [k + int(v) for k, v in zip(kernel, sizes(axes, 1, 5))], bool(n // 2 % 2)
    pool = (F.max_pool1d, F.max_pool2d)[axes - 1]
    case(f"max pool, random {n}", one("MaxPool", kernel_shape=kernel, strides=strides, pads=pads * 2, ceil_mode=int(up)),
         lambda t, v, f=pool, k=kernel, s=strides, p=pads, up=up: f(t, k, s, p, 1, up), (2, 2, *image), opset=12)
    count = bool(n % 3)
    pool = (F.avg_pool1d, F.avg_pool2d)[axes - 1]
    case(f"average pool, random {n}", one("AveragePool", kernel_shape=kernel, strides=strides, pads=pads * 2, count_include_pad=int(count)),
         lambda t, v, f=pool, k=kernel, s=strides, p=pads, c=count: f(t, k, s, p, False, c), (2, 2, *image), opset=11)
case("max pool with dilations", one("MaxPool", kernel_shape=[2, 3], strides=[1, 2], dilations=[2, 1]),
     lambda t, v: F.max_pool2d(t, (2, 3), (1, 2), 0, (2, 1)), (2, 2, 5, 6))
for shape in [(2, 2, 7), (3, 1, 3, 2)]:
    last = tuple(range(2, len(shape)))
    case(f"global average {shape}", one("GlobalAveragePool"), lambda t, v, a=last: t.mean(a, keepdim=True), shape)
    case(f"global max {shape}", one("GlobalMaxPool"), lambda t, v, a=last: t.amax(a, keepdim=True), shape)

# Matrix products of broadcast batches, and what is added to them.
for n, (shape, w) in enumerate([((2, 1, 3, 4), (2, 4, 5)), ((2, 3, 2, 4), (4, 3)), ((3, 5), (5, 2)), ((2, 2, 3, 4), (2, 4, 2))]):
    case(f"matmul {shape} by {w}", [("MatMul", ["x", "w"], ["y"], {})], lambda t, v: t @ v["w"], shape, dict(w=f32(*w)))
for shape in [(3, 4), (2, 3, 4), (2, 2, 3, 4)]:
    case(f"matmul {shape} by a vector", [("MatMul", ["x", "w"], ["h"], {}), ("Unsqueeze", ["h", "a"], ["y"], {})], lambda t, v: t @ v["w"], shape,
         dict(w=f32(4), a=np.array([-1])))
for shape in [(2, 3, 4), (2, 2, 3, 4)]:
    case(f"matmul, a vector by {shape}", [("MatMul", ["w", "x"], ["y"], {})], lambda t, v: v["w"] @ t, shape, dict(w=f32(3)))
case("matmul, a stack from the left", [("MatMul", ["w", "x"], ["y"], {})], lambda t, v: v["w"] @ t, (2, 1, 3, 4), dict(w=f32(2, 5, 3)))
for c in [(5,), (1, 5), (1,), ()]:
    case(f"gemm and {c}", [("Gemm", ["x", "w", "c"], ["y"], dict(alpha=1.5, beta=-0.5))],
         lambda t, v: 1.5 * t @ v["w"] - 0.5 * v["c"], (3, 4), dict(w=f32(4, 5), c=f32(*c)))
case("gemm, of which a part is the input", [("Gemm", ["x", "w", "x"], ["y"], dict(beta=0.25, transB=1))],
     lambda t, v: t @ v["w"].T + 0.25 * t, (3, 4), dict(w=f32(4, 4)))

# Element by element, of random shapes.
for n in range(3):
    shape = (2 + n, *sizes(1 + n, 1, 5))
    above = abs(rng.normal(size=shape)) + 0.3
    a = round(float(rng.uniform(0.3, 2.0)), 2)
    low, high = np.float32(-0.4 - 0.1 * n), np.float32(0.3 + 0.2 * n)
    for kind, fn, attributes, x in [
        ("Celu", lambda t, a=a: F.celu(t, a), dict(alpha=a), None), ("Elu", lambda t, a=a: F.elu(t, a), dict(alpha=a), None),
        ("Selu", F.selu, {}, None), ("Relu", F.relu, {}, None), ("LeakyRelu", lambda t: F.leaky_relu(t, 0.01), {}, None),
        ("HardSigmoid", lambda t: (0.2 * t + 0.5).clamp(0, 1), {}, 3 * rng.normal(size=shape)), ("Sigmoid", torch.sigmoid, {}, 5 * rng.normal(size=shape)),
        ("Tanh", torch.tanh, {}, 3 * rng.normal(size=shape)), ("Softplus", F.softplus, {}, 5 * rng.normal(size=shape)),
        ("Erf", torch.erf, {}, 2 * rng.normal(size=shape)), ("HardSwish", F.hardswish, {}, 4 * rng.normal(size=shape)),
        ("Abs", torch.abs, {}, None), ("Exp", torch.exp, {}, None), ("Neg", torch.neg, {}, None), ("Log", torch.log, {}, above),
        ("Sqrt", torch.sqrt, {}, above), ("Reciprocal", torch.reciprocal, {}, above), ("Identity", lambda t: t, {}, None),
    ]:
        case(f"{kind}, random {n}", one(kind, **attributes), lambda t, v, fn=fn: fn(t), shape, x=x)
    case(f"Selu, random {n} with its own numbers", one("Selu", alpha=a, gamma=1.3), lambda t, v, a=a: 1.3 * F.elu(t, a), shape)
    case(f"Mish, random {n}", one("Mish"), lambda t, v: F.mish(t), shape, opset=18, x=3 * rng.normal(size=shape))
    for way in ["none", "tanh"]:
        case(f"Gelu by {way}, random {n}", one("Gelu", approximate=way), lambda t, v, w=way: F.gelu(t, approximate=w), shape, opset=20,
             x=2 * rng.normal(size=shape))
    case(f"PRelu, random {n}", [("PRelu", ["x", "w"], ["y"], {})], lambda t, v: torch.where(t > 0, t, t * v["w"]), shape,
         dict(w=f32(*[int(rng.choice([1, s])) for s in shape[1:]])))
    case(f"Clip, random {n}", [("Clip", ["x", "low", "high"], ["y"], {})], lambda t, v: t.clamp(v["low"], v["high"]), shape, dict(low=low, high=high))
    case(f"Clip above, random {n}", [("Clip", ["x", "", "high"], ["y"], {})], lambda t, v: t.clamp(max=v["high"]), shape, dict(high=high))
    last = shape[-1] if shape[-1] > 1 else 3
    weights = dict(v=f32(*(int(rng.choice([1, s])) for s in shape[1:-1]), last), w=f32(last))
    case(f"Sum, random {n}", [("Sum", ["x", "v", "w"], ["y"], {})], lambda t, v: t + v["v"] + v["w"], shape, weights)
    case(f"Mean, random {n}", [("Mean", ["v", "x", "w"], ["y"], {})], lambda t, v: (t + v["v"] + v["w"]) / 3, shape, weights)
    case(f"Mean, random {n} of itself", [("Neg", ["x"], ["h"], {}), ("Exp", ["h"], ["e"], {}), ("Mean", ["x", "e"], ["y"], {})],
         lambda t, v: (t + torch.exp(-t)) / 2, shape)
    for kind, fn in [("Max", torch.maximum), ("Min", torch.minimum), ("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul)]:
        case(f"{kind}, random {n}", [(kind, ["v", "x"], ["y"], {})], lambda t, v, fn=fn: fn(v["v"], t), shape, weights)
    case(f"Max, Min, Div and Sub of the input alone, random {n}", [("Neg", ["x"], ["h"], {}), ("Max", ["x", "h"], ["a"], {}), ("Min", ["x", "h"], ["b"], {}), ("Div", ["a", "d"], ["c"], {}), ("Sub", ["c", "b"], ["y"], {})],
         lambda t, v: t.abs() / v["d"] + t.abs(), shape, dict(d=abs(f32(1)) + np.float32(0.5)))
    case(f"Pow, random {n}", [("Pow", ["x", "w"], ["y"], {})], lambda t, v: t ** v["w"], shape, dict(w=weights["w"]), x=above)
    case(f"Pow, random {n} of both", [("Pow", ["x", "x"], ["y"], {})], lambda t, v: t**t, shape, x=above)
    case(f"Pow, integer exponent, random {n}", [("Pow", ["x", "w"], ["y"], {})], lambda t, v, n=n: t ** (n + 1), shape, dict(w=np.array(n + 1)))
    case(f"Where, random {n}", [("Less", ["x", "v"], ["c"], {}), ("Exp", ["x"], ["e"], {}), ("Where", ["c", "e", "v"], ["y"], {})],
         lambda t, v: torch.where(t < v["v"], t.exp(), v["v"]), shape, dict(v=weights["v"]))
    case(f"Cast of a comparison, random {n}", [("Greater", ["x", "v"], ["c"], {}), ("Cast", ["c"], ["m"], dict(to=TensorProto.FLOAT)), ("Mul", ["x", "m"], ["y"], {})],
         lambda t, v: t * (t > v["v"]), shape, dict(v=weights["v"]))
    case(f"Cast to float64, random {n}", [("Cast", ["x"], ["h"], dict(to=TensorProto.DOUBLE)), ("Cast", ["h"], ["d"], dict(to=TensorProto.FLOAT)), ("Mul", ["d", "x"], ["y"], {})],
         lambda t, v: t * t, shape)
    case(f"Dropout, random {n}", [("Dropout", ["x", "r"], ["h"], {}), ("Exp", ["h"], ["y"], {})], lambda t, v: t.exp(), shape, dict(r=np.float32(0.4)), opset=13)

# Shapes.
for n in range(3):
    shape = (2, *sizes(3, 1, 4))
    order = [0, *(int(v) for v in 1 + rng.permutation(3))]
    many = lambda *s: np.array(s, np.int64)  # noqa: E731
    w = f32(*shape[1:])
    case(f"Transpose, random {n}", [("Transpose", ["x"], ["h"], dict(perm=order)), ("Sigmoid", ["h"], ["y"], {})],
         lambda t, v, o=order: t.permute(o).sigmoid(), shape)
    case(f"Reshape, random {n}", [("Reshape", ["x", "s"], ["h"], {}), ("Reshape", ["h", "z"], ["k"], {}), ("Mul", ["k", "w"], ["y"], {})],
         lambda t, v: t * v["w"], shape, dict(s=many(0, -1), z=many(-1, *shape[1:]), w=w))
    case(f"Flatten, random {n}", [("Flatten", ["x"], ["h"], dict(axis=1 + n % 2)), ("Reshape", ["h", "z"], ["k"], {}), ("Mul", ["k", "w"], ["y"], {})],
         lambda t, v: t * v["w"], shape, dict(z=many(-1, *shape[1:]), w=w))
    at = int(rng.integers(1, 4))
    case(f"Unsqueeze and Squeeze, random {n}",
         [("Unsqueeze", ["x", "a"], ["h"], {}), ("Tanh", ["h"], ["k"], {}), ("Squeeze", ["k", "a"], ["y"], {})], lambda t, v: t.tanh(), shape, dict(a=many(at)))
    case(f"Unsqueeze and Squeeze of two axes, random {n}",
         [("Unsqueeze", ["x", "a"], ["h"], {}), ("Tanh", ["h"], ["k"], {}), ("Squeeze", ["k", "a"], ["y"], {})], lambda t, v: t.tanh(), shape, dict(a=many(1, -1)))
    case(f"Squeeze of all, random {n}", [("Unsqueeze", ["x", "a"], ["h"], {}), ("Squeeze", ["h"], ["y"], {})], lambda t, v: t, (3, 2, 4 + n), dict(a=many(1)))
    case(f"Expand, random {n}", [("Expand", ["x", "s"], ["y"], {})], lambda t, v, s=shape: t.expand(len(t), 3, *s[2:]), (2, 1, *shape[2:]), dict(s=many(3, *shape[2:])))
case("Expand of two axes", [("Expand", ["x", "s"], ["y"], {})], lambda t, v: t.expand(len(t), 4, 3), (2, 1, 1), dict(s=np.array([4, 3])))

# Normalisations.
for n, (shape, groups) in enumerate([((2, 4, 3, 3), 2), ((3, 6, 5), 3), ((2, 4, 2, 3), 4), ((2, 6, 4), 1)]):
    eps = [1e-5, 1e-3][n % 2]
    s, b = f32(shape[1]), f32(shape[1])
    case(f"group normalisation {shape} of {groups}", [("GroupNormalization", ["x", "s", "b"], ["y"], dict(num_groups=groups, epsilon=eps))],
         lambda t, v, g=groups, e=eps: F.group_norm(t, g, v["s"], v["b"], float(np.float32(e))), shape, dict(s=s, b=b), opset=21)

# Reductions over several axes, as attributes and as an input.
for n, (shape, axes, kept) in enumerate([((2, 3, 4, 2), [1, 3], 1), ((2, 3, 4, 2), [-1, -2], 0), ((3, 5), [1], 1), ((2, 4, 3), [-2], 0)]):
    for kind, fn in [("ReduceMean", torch.mean), ("ReduceMax", torch.amax), ("ReduceMin", torch.amin), ("ReduceSum", torch.sum)]:
        reduced = lambda t, v, fn=fn, a=axes, k=kept: fn(t, tuple(a), keepdim=bool(k))  # noqa: E731
        if kind != "ReduceSum":
            case(f"{kind} {shape} over {axes}, an attribute", one(kind, axes=axes, keepdims=kept), reduced, shape, opset=12 + n % 2)
        case(f"{kind} {shape} over {axes}, an input", [(kind, ["x", "a"], ["y"], dict(keepdims=kept))], reduced, shape, dict(a=np.array(axes)), opset=18)
case("ReduceSum of no axes", [("ReduceSum", ["x"], ["y"], dict(noop_with_empty_axes=1))], lambda t, v: t, (3, 4), opset=18)

# Softmax of other ranks.
for shape, axis in [((3, 2, 4, 2), 1), ((2, 5), -1), ((2, 3, 4), -2)]:
    case(f"Softmax {shape} over {axis} and its logarithm", [("Softmax", ["x"], ["p"], dict(axis=axis)), ("LogSoftmax", ["x"], ["l"], dict(axis=axis)), ("Mul", ["p", "l"], ["y"], {})],
         lambda t, v, a=axis: t.softmax(a) * t.log_softmax(a), shape)

# Old operator sets, whose operators say in attributes what later ones have in inputs.
for n, opset in enumerate([7, 9, 11, 12]):
    shape = (2, *sizes(2, 2, 4))
    case(f"Squeeze and Unsqueeze of set {opset}", [("Unsqueeze", ["x"], ["h"], dict(axes=[1, 3])), ("Exp", ["h"], ["e"], {}), ("Squeeze", ["e"], ["y"], dict(axes=[1, 3]))],
         lambda t, v: t.exp(), shape, opset=opset)
    case(f"ReduceSum of set {opset}", one("ReduceSum", axes=[1 + n % 2], keepdims=n // 2), lambda t, v, a=1 + n % 2: t.sum(a), shape, opset=opset)
    case(f"Softmax over all axes of set {opset}", one("Softmax", axis=1), lambda t, v: t.flatten(1).softmax(1), shape, opset=opset)
    case(f"Softmax of set {opset}, of the last axis", one("Softmax", axis=2), lambda t, v: t.softmax(2), shape, opset=opset)
    case(f"LogSoftmax over all axes of set {opset}", one("LogSoftmax"), lambda t, v: t.flatten(1).log_softmax(1), shape, opset=opset)
    case(f"LogSoftmax of set {opset}, of a table", one("LogSoftmax", axis=1), lambda t, v: t.log_softmax(1), (3, 5), opset=opset)
for opset in [7, 8, 9, 10]:
    n = opset - 7
    shape = (2, *sizes(2, 3, 5))
    case(f"Clip of set {opset}", one("Clip", **[dict(min=-0.5, max=0.7), dict(min=0.1), dict(max=0.25), {}][n]),
         lambda t, v, n=n: [t.clamp(-0.5, 0.7), t.clamp(0.1), t.clamp(max=0.25), t][n], shape, opset=opset)
    case(f"Pad of set {opset}", one("Pad", pads=[0, 1, 0, 0, 2, n], mode=["constant", "edge", "reflect", "constant"][n], **(dict(value=1.5) if n == 3 else {})),
         lambda t, v, n=n: F.pad(t[:, None], (0, n, 1, 2), mode=["constant", "replicate", "reflect", "constant"][n], **(dict(value=1.5) if n == 3 else {}))[:, 0], shape, opset=opset)
    case(f"Split of set {opset}", [("Split", ["x"], ["a", "b"], dict(axis=1, split=[1, shape[1] - 1])), ("Exp", ["a"], ["e"], {}), ("Concat", ["b", "e"], ["y"], dict(axis=1))],
         lambda t, v: torch.cat([t[:, 1:], t[:, :1].exp()], 1), shape, opset=opset)
    if opset < 10:
        case(f"Slice of set {opset}", one("Slice", starts=[1, -2], ends=[2**31 - 1, -1], axes=[1, 2]), lambda t, v: t[:, 1:, -2:-1], shape, opset=opset)
        case(f"Slice without axes of set {opset}", one("Slice", starts=[0, 1], ends=[2**31 - 1, 3]), lambda t, v: t[:, 1:3], shape, opset=opset)
    case(f"Dropout of set {opset}", [("Dropout", ["x"], ["h"], dict(ratio=0.3)), ("Tanh", ["h"], ["y"], {})], lambda t, v: t.tanh(), shape, opset=opset)
    case(f"PRelu of set {opset}", [("PRelu", ["x", "w"], ["y"], {})], lambda t, v: torch.where(t > 0, t, t * v["w"]), shape, dict(w=f32(shape[1], 1)), opset=opset)
    case(f"pools of set {opset}", [("MaxPool", ["x"], ["h"], dict(kernel_shape=[2, 2], strides=[2, 2])), ("AveragePool", ["h"], ["y"], dict(kernel_shape=[2, 1], strides=[1, 1], pads=[1, 0, 0, 0]))],
         lambda t, v: F.avg_pool2d(F.pad(F.max_pool2d(t, 2), (0, 0, 1, 0)), (2, 1), 1) * torch.tensor([2.0, 1, 1])[:, None], (2, 2, 6, 4), opset=opset)
    case(f"Gemm and Flatten of set {opset}", [("Flatten", ["x"], ["h"], dict(axis=1)), ("Gemm", ["h", "w", "b"], ["y"], dict(transB=1))],
         lambda t, v: t.flatten(1) @ v["w"].T + v["b"], (3, 2, 2), dict(w=f32(3, 4), b=f32(3)), opset=opset)
for opset in [7, 8, 9, 13, 14, 15]:
    shape = [(2, 3, 2, 2), (3, 4), (2, 2, 5)][opset % 3]
    c = shape[1]
    case(f"batch normalisation of set {opset}", [("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], dict(epsilon=1e-2))],
         lambda t, v: F.batch_norm(t, v["m"], v["v"], v["s"], v["b"], eps=float(np.float32(1e-2))), shape,
         dict(s=f32(c), b=f32(c), m=f32(c), v=abs(f32(c)) + np.float32(0.2)), opset=opset)


def enlarged(t, factors, mode):
    """What Upsample is: positions are divided by the factor, and those of `nearest` cut down."""
    for axis, factor in enumerate(factors, 1):
        at = torch.arange(int(np.floor(t.shape[axis] * factor))) / factor
        left = at.floor().long().clamp(max=t.shape[axis] - 1)
        part = (at - left).clamp(0, 1) if mode == "linear" else torch.zeros(len(at))
        part = part.reshape([-1] + [1] * (t.dim() - axis - 1))
        right = (left + 1).clamp(max=t.shape[axis] - 1)
        t = t.index_select(axis, left) * (1 - part) + t.index_select(axis, right) * part
    return t


for n, (mode, shape, factors) in enumerate([
    ("nearest", (2, 2, 3, 4), [1, 2, 2]), ("nearest", (2, 1, 4, 3), [1, 3, 1]), ("linear", (2, 2, 3, 4), [1, 2, 2]), ("linear", (2, 1, 4, 2), [1, 2, 4]),
    ("nearest", (2, 2, 3, 2), [1, 1.5, 2.5]),
]):
    w = np.array([1, *factors], np.float32)
    fn = lambda t, v, f=factors, m=mode: enlarged(t, f, m)  # noqa: E731
    case(f"Upsample of set 7, {mode} {n}", one("Upsample", mode=mode, scales=[1.0, *map(float, factors)]), fn, shape, opset=7)
    case(f"Upsample of set 9, {mode} {n}", [("Upsample", ["x", "s"], ["y"], dict(mode=mode))], fn, shape, dict(s=w), opset=9)
    case(f"Resize of set 10, {mode} {n}", [("Resize", ["x", "s"], ["y"], dict(mode=mode))], fn, shape, dict(s=w), opset=10)
    case(f"Resize of set 11, {mode} {n}", [("Resize", ["x", "r", "s"], ["y"], dict(mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor"))],
         fn, shape, dict(r=np.array([], np.float32), s=w), opset=11)


# Straight through rounding, which torch calls detaching what it adds.
def straight(fn):
    return lambda t: t + (fn(t) - t).detach()


for n in range(3):
    shape = (2, *sizes(1 + n, 2, 4))
    x = 3 * rng.normal(size=shape)
    for kind, fn in [("Round", torch.round), ("Floor", torch.floor), ("Ceil", torch.ceil)]:
        case(f"{kind}, random {n}", [("Mul", ["x", "w"], ["h"], {}), (kind, ["h"], ["r"], {}), ("Mul", ["r", "x"], ["y"], {})],
             lambda t, v, fn=straight(fn): fn(t * v["w"]) * t, shape, dict(w=f32(shape[-1])), x=x, straight=True)
    for to in ["INT32", "INT64"]:
        case(f"Cast to {to}, random {n}",
             [("Cast", ["x"], ["i"], dict(to=getattr(TensorProto, to))), ("Cast", ["i"], ["r"], dict(to=TensorProto.FLOAT)), ("Mul", ["r", "x"], ["y"], {})],
             lambda t, v: straight(torch.trunc)(t) * t, shape, x=x, straight=True)
case("Cast and what moves integers", [
    ("Cast", ["x"], ["i"], dict(to=TensorProto.INT32)), ("Transpose", ["i"], ["t"], dict(perm=[0, 2, 1])), ("Slice", ["t", "a", "b", "c"], ["p"], {}),
    ("Concat", ["p", "t"], ["c2"], dict(axis=1)), ("Cast", ["c2"], ["r"], dict(to=TensorProto.FLOAT)), ("Exp", ["r"], ["y"], {}),
], lambda t, v: (lambda r: torch.cat([r[:, 1:3], r], 1).exp())(straight(torch.trunc)(t).transpose(1, 2)), (2, 3, 4),
     dict(a=i64(1), b=i64(3), c=i64(1)), x=2 * rng.normal(size=(2, 3, 4)), straight=True)
case("a category beside numbers, no rounding", [
    ("Slice", ["x", "a", "b", "c"], ["k"], {}), ("Cast", ["k"], ["i"], dict(to=TensorProto.INT64)), ("Gather", ["w", "i"], ["e"], {}),
    ("Reshape", ["e", "s"], ["f"], {}), ("Mul", ["x", "f"], ["y"], {}),
], lambda t, v: t * v["w"][t[:, 0].detach().long()], (3, 4), dict(a=i64(0), b=i64(1), c=i64(1), s=i64(-1, 4), w=f32(3, 4)),
     x=np.concatenate([np.array([[0.5], [2.5], [1.5]]), rng.normal(size=(3, 3))], 1))
RANGES = {np.int8: (-128, 127), np.uint8: (0, 255), np.int16: (-32768, 32767), np.uint16: (0, 65535)}


def quantised(kind, scale, zero, axis=None):
    """Nodes from `x` to `y`, the same in torch, and the weights."""
    low, high = RANGES[kind]
    scale = np.asarray(scale, np.float32)
    where = {} if axis is None else dict(axis=axis)
    names = ["s"] if zero is None else ["s", "z"]
    nodes = [("QuantizeLinear", ["x", *names], ["q"], where), ("DequantizeLinear", ["q", *names], ["y"], where)]
    weights = dict(s=scale) if zero is None else dict(s=scale, z=np.asarray(zero, kind))
    if axis is None:
        fn = lambda t, v: torch.fake_quantize_per_tensor_affine(t, float(scale), int(zero or 0), low, high)  # noqa: E731
    else:
        fn = lambda t, v: torch.fake_quantize_per_channel_affine(  # noqa: E731
            t, torch.tensor(scale), torch.tensor(np.broadcast_to(np.asarray(zero), scale.shape).astype(np.int32)), axis % t.dim(), low, high)
    return nodes, fn, weights


for n, (kind, scale, zero, axis) in enumerate([
    (np.int8, 0.013, 0, None), (np.int8, 0.01, 37, None), (np.uint8, 0.02, 128, None), (np.uint8, 0.01, None, None), (np.uint8, 0.011, 7, None), (np.int8, [0.01, 0.02, 0.005], [0, 3, 0], 1),
    (np.int8, [0.01, 0.02, 0.005], [0, 0, 0], 1), (np.uint8, [0.01, 0.02, 0.015], [128, 100, 7], 1), (np.int8, [0.01, 0.02, 0.03, 0.01], [1, 2, 3, 4], -1),
]):
    nodes, fn, weights = quantised(kind, scale, zero, axis)
    way = "by default" if zero is None else "by channel" if axis else "by tensor"
    case(f"quantised {way} to {kind.__name__}, random {n}", nodes, fn, (3, 3, 4), weights, opset=13, x=1.5 * rng.normal(size=(3, 3, 4)), straight=True)
for kind in [np.int16, np.uint16]:
    nodes, fn, weights = quantised(kind, 5e-5, 300, None)
    case(f"quantised to {kind.__name__}", nodes, fn, (3, 3, 4), weights, opset=21, x=1.5 * rng.normal(size=(3, 3, 4)), straight=True)
nodes, fn, weights = quantised(np.int8, 0.02, 3)
case("quantised, and what moves the levels", [
    nodes[0], ("Transpose", ["q"], ["a"], dict(perm=[0, 2, 1])), ("Reshape", ["a", "t"], ["b"], {}), ("Gather", ["b", "i"], ["c"], dict(axis=1)),
    ("DequantizeLinear", ["c", "s", "z"], ["d"], {}), ("Tanh", ["d"], ["y"], {}),
], lambda t, v: fn(t, v).transpose(1, 2).reshape(len(t), 12)[:, [0, 5, 9, 5]].tanh(), (3, 3, 4),
     dict(**weights, t=i64(0, 12), i=i64(0, 5, 9, 5)), opset=13, x=1.5 * rng.normal(size=(3, 3, 4)), straight=True)
# The second axis is the channels' where none is named.
nodes, fn, weights = quantised(np.int8, [0.01, 0.02, 0.005], [0, 3, 0], 1)
case("quantised along an axis that is not named", [(k, i, o, {}) for k, i, o, _ in nodes], fn, (2, 3, 3), weights, opset=13, straight=True)
# Multiples of a quarter of a level about the ends of the range, where rounding is to even.
for kind, zero in [(np.int8, 0), (np.int8, 5), (np.uint8, 0), (np.uint8, 128)]:
    nodes, fn, weights = quantised(kind, 0.25, zero)
    low, high = RANGES[kind]
    about = np.arange(-7, 8) / 16
    ends = np.stack([(low - zero) * 0.25 + about, (high - zero) * 0.25 + about])
    case(f"quantised to {kind.__name__} about {zero}, at the ends of the range", nodes, fn, ends.shape, weights, opset=13, x=ends, straight=True)


class FakeQuantised(torch.nn.Module):
    """As quantisation-aware training has it, and PyTorch exports it."""

    def __init__(self):
        super().__init__()
        self.convolution, self.dense = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Linear(48, 5)
        self.register_buffer("scales", torch.tensor([0.01, 0.012, 0.009], dtype=torch.float32))
        self.register_buffer("zeros", torch.zeros(3, dtype=torch.int32))

    def forward(self, x):
        x = torch.fake_quantize_per_tensor_affine(x, 0.02, 128, 0, 255)
        weight = torch.fake_quantize_per_channel_affine(self.convolution.weight, self.scales, self.zeros, 0, -128, 127)
        x = F.relu6(F.conv2d(x, weight, self.convolution.bias, padding=1))
        x = torch.fake_quantize_per_tensor_affine(x, 0.01, 0, 0, 255)
        return self.dense(x.flatten(1))


torch.manual_seed(1)
network = FakeQuantised().float()
x = 1.5 * f32(3, 1, 4, 4)
exported = io.BytesIO()
torch.onnx.export(network.eval(), (torch.tensor(x),), exported, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}, opset_version=17)
cotangent = f32(3, 5)
t = torch.tensor(x.astype(np.float64), requires_grad=True)
network.double().scales = network.scales.float()
gradient = torch.autograd.grad((network(t) * torch.tensor(cotangent.astype(np.float64))).sum(), t)[0].numpy()
keep("a network with fake_quantize, exported by PyTorch", onnx.load_from_string(exported.getvalue()), x, cotangent, gradient, True)


def quantised_network(model, x, pool):
    """The answers of a network in QDQ form, by torch in float64."""
    known = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    v = {"x": x}
    scales = lambda n: (known[n.input[1]], known[n.input[2]])  # noqa: E731
    tensor = lambda name: v[name] if name in v else torch.tensor(known[name].astype(np.float64))  # noqa: E731
    for n in model.graph.node:
        a = {b.name: helper.get_attribute_value(b) for b in n.attribute}
        if n.op_type == "QuantizeLinear":
            # Kept as the numbers that its levels stand for.
            scale, zero = scales(n)
            low, high = RANGES[zero.dtype.type]
            y = torch.fake_quantize_per_tensor_affine(tensor(n.input[0]), float(scale), int(zero), low, high)
        elif n.op_type == "DequantizeLinear" and n.input[0] in known:
            scale, zero = (k.astype(np.float64) for k in scales(n))
            beside = [-1 if i == a.get("axis", 1) else 1 for i in range(known[n.input[0]].ndim)] if scale.size > 1 else []
            y = torch.tensor((known[n.input[0]].astype(np.float64) - zero.reshape(beside)) * scale.reshape(beside))
        elif n.op_type in ("DequantizeLinear", "Identity"):
            y = tensor(n.input[0])
        elif n.op_type == "Conv":
            y = F.conv2d(tensor(n.input[0]), tensor(n.input[1]), tensor(n.input[2]), a.get("strides", 1), a["pads"][:2])
        elif n.op_type == "Gemm":
            w = tensor(n.input[1])
            y = tensor(n.input[0]) @ (w.T if a.get("transB") else w) + tensor(n.input[2])
        else:
            fn = dict(Relu=F.relu, Flatten=lambda t: t.flatten(1), MaxPool=pool)[n.op_type]
            y = fn(tensor(n.input[0]))
        v[n.output[0]] = y
    return v[model.graph.output[0].name]


class Calibration(CalibrationDataReader):
    def __init__(self, batches):
        self.batches = iter(batches)

    def get_next(self):
        return next(({"x": x} for x in self.batches), None)


seed = kept = 0
while kept < 3:
    seed, per_channel = seed + 1, kept > 0
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Flatten", ["r2"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["answers"], transB=1),
    ]
    weights = dict(w1=f32(4, 1, 3, 3), b1=f32(4), w2=f32(4, 4, 3, 3) / 3, b2=f32(4), w3=f32(5, 16), b3=f32(5))
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 4, 8])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    plain = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(plain, f"{folder}/plain.onnx")
        # Calibrated on smaller numbers than come, so that some leave the range.
        quantize_static(f"{folder}/plain.onnx", f"{folder}/q.onnx", Calibration([0.6 * f32(4, 1, 4, 8) for _ in range(4)]), per_channel=per_channel,
                        quant_format=QuantFormat.QDQ, activation_type=[QuantType.QInt8, QuantType.QUInt8][seed % 2], weight_type=QuantType.QInt8)
        model = onnx.load(f"{folder}/q.onnx")
    while len(model.opset_import) > 1:  # Domains that it does not use.
        del model.opset_import[1]
    x = f32(3, 1, 4, 8)
    t = torch.tensor(x.astype(np.float64), requires_grad=True)
    y, shared = (quantised_network(model, t, pool) for pool in (
        lambda t: F.max_pool2d(t, 2), lambda t: t.reshape(*t.shape[:2], t.shape[2] // 2, 2, -1, 2).amax((3, 5)),
    ))
    # That is what ONNX Runtime computes too, but for a level where it rounds the other way.
    runtime = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    level = next(float(numpy_helper.to_array(i)) for i in model.graph.initializer if i.name == "answers_scale")
    assert abs(runtime - y.detach().numpy()).max() < 1.5 * level, seed
    cotangent = f32(*y.shape)
    g = torch.tensor(cotangent.astype(np.float64))
    gradient, other = (torch.autograd.grad((z * g).sum(), t)[0].numpy() for z in (y, shared))
    if abs(gradient - other).max() > 0:
        continue  # Two levels of a window are equal, and each subgradient is as good.
    kept += 1
    keep(f"a network quantised by onnxruntime, one scale a {'channel' if per_channel else 'tensor'}, {seed}", model, x, cotangent, gradient, True)


def exported_by_torch(name, network, x):
    network, file = network.float().eval(), io.BytesIO()
    torch.onnx.export(network, (torch.tensor(x),), file, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}, opset_version=17)
    t = torch.tensor(x.astype(np.float64), requires_grad=True)
    y = network.double()(t)
    cotangent = f32(*y.shape)
    g = torch.tensor(cotangent.astype(np.float64))
    along = torch.tensor(rng.normal(size=x.shape))
    with torch.no_grad():
        ahead, behind = (network(t + step * along) for step in (1e-6, -1e-6))
    gradient = torch.autograd.grad((y * g).sum(), t)[0]
    numeric, exact = float(((ahead - behind) * g).sum() / 2e-6), float((gradient * along).sum())
    assert abs(numeric - exact) < 1e-6 * max(1, abs(exact)), (name, numeric, exact)
    keep(name, onnx.load_from_string(file.getvalue()), x, cotangent, gradient.numpy(), False)


class Transformer(torch.nn.Module):
    """A vision transformer of one block: patches, a class token, attention."""

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Conv2d(1, 8, 4, 4)
        self.token, self.places = (torch.nn.Parameter(torch.randn(1, n, 8)) for n in (1, 5))
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.before, self.between, self.behind = (torch.nn.LayerNorm(8) for _ in range(3))
        self.dense = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 8))
        self.head = torch.nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        y = self.before(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.dense(self.between(x))
        return self.head(self.behind(x)[:, 0])


class Of(torch.nn.Module):
    """A function between a convolution and a dense layer."""

    def __init__(self, function, size):
        super().__init__()
        self.convolution, self.function, self.dense = torch.nn.Conv2d(1, 2, 3), function, torch.nn.Linear(size, 3)

    def forward(self, x):
        return self.dense(self.function(self.convolution(x)).flatten(1))


for name, network, size in [
    ("a vision transformer", lambda: Transformer(), 8),
    ("F.pad", lambda: Of(lambda t: F.pad(t, (1, 2, 0, 1)).tanh(), 2 * 5 * 7), 6),
    ("F.pad with copies", lambda: Of(lambda t: F.pad(t, (1, 1, 2, 0), mode="reflect").tanh(), 2 * 6 * 6), 6),
    ("F.interpolate to a size", lambda: Of(lambda t: F.interpolate(t, size=(7, 5), mode="bilinear").tanh(), 2 * 7 * 5), 6),
]:
    exported_by_torch(f"{name}, exported by PyTorch", network(), f32(2, 1, size, size))

# At the ends, where squares are infinite, and at 0.
ends = np.array([[-1e20, -30, -1, 0], [1e20, 30, 2, 0.5]])
for approximate in ["none", "tanh"]:
    case(f"Gelu far out, {approximate}", one("Gelu", approximate=approximate), lambda t, v, a=approximate: F.gelu(t, approximate=a), (2, 4), opset=20, x=ends, kink=True)
for kind in [np.int32, np.int64]:
    case(f"Pow, integer exponent {kind.__name__} about 0", [("Pow", ["x", "p"], ["y"], {})], lambda t, v: t ** torch.tensor(v["p"]), (2, 4),
         dict(p=np.array([0, 1, 2, 3], kind)), opset=15, x=np.array([[0, 0, 0, 0], [-1.5, 2, 0.5, -1]]), kink=True)
case("Pow, an exponent that is computed, about 0", [("Relu", ["q"], ["p"], {}), ("Pow", ["x", "p"], ["y"], {})], lambda t, v: t ** v["q"].relu(), (2, 3),
     dict(q=np.array([-1, 1, 2], np.float32)), x=np.array([[0, 0, 0], [-1.5, 2, 0.5]]), kink=True)

# An If beside the way, as exporters write it.
branches = {
    way: helper.make_graph([helper.make_node("Identity", [w], [f"{w} chosen"])], way, [], [helper.make_tensor_value_info(f"{w} chosen", TensorProto.FLOAT, None)])
    for way, w in [("then_branch", "v"), ("else_branch", "w")]
}
case("a factor that an If chooses", [
    ("Shape", ["x"], ["s"], {}), ("Gather", ["s", "i"], ["k"], {}), ("Equal", ["k", "three"], ["c"], {}), ("If", ["c"], ["h"], branches), ("Mul", ["x", "h"], ["m"], {}), ("Tanh", ["m"], ["y"], {}),
], lambda t, v: (t * v["v"]).tanh(), (2, 3), dict(i=np.array(1), three=np.array(3), v=np.float32(0.5), w=np.float32(2)))

for k, shape in [((2, 2), (2, 2, 2, 66)), ((1, 3), (2, 1, 2, 105)), ((3, 7), (2, 1, 3, 238))]:
    case(f"max pool of many windows {k}", one("MaxPool", kernel_shape=list(k), strides=list(k)), lambda t, v, k=k: F.max_pool2d(t, k), shape)

# A stream of its own, so that what is above keeps its numbers.
rng = np.random.default_rng(11)

# Waves, over several turns of them.
for kind, fn in [("Sin", torch.sin), ("Cos", torch.cos)]:
    case(kind, one(kind), lambda t, v, fn=fn: fn(t), (3, 2, 5))
    case(f"{kind} over turns", one(kind), lambda t, v, fn=fn: fn(t), (3, 2, 5), x=rng.normal(size=(3, 2, 5)) * 20)
    case(f"{kind} of a product", [("MatMul", ["x", "w"], ["h"], {}), (kind, ["h"], ["y"], {})], lambda t, v, fn=fn: fn(t @ v["w"]), (3, 4), dict(w=f32(4, 5)))

# Local response normalisation, in what ONNX Runtime has of it: images, windows of an odd size.
for size, alpha, beta, bias, shape in [
    (5, 1e-4, 0.75, 2.0, (2, 8, 3, 3)), (3, 0.9, 0.75, 1.0, (2, 6, 2, 4)), (5, 2.0, 0.5, 0.5, (2, 3, 4, 2)), (1, 0.7, 1.3, 1.0, (2, 4, 3, 2)),
]:
    case(f"LRN of {size} of {shape[1]} channels", one("LRN", size=size, alpha=alpha, beta=beta, bias=bias),
         lambda t, v, a=(size, alpha, beta, bias): F.local_response_norm(t, *a), shape)
case("LRN between convolutions", [
    ("Conv", ["x", "w"], ["h"], {}), ("LRN", ["h"], ["n"], dict(size=3, alpha=0.5, bias=2.0)), ("Conv", ["n", "v"], ["y"], {}),
], lambda t, v: F.conv2d(F.local_response_norm(F.conv2d(t, v["w"]), 3, 0.5, 0.75, 2.0), v["v"]), (2, 3, 4, 4), dict(w=f32(5, 3, 2, 2), v=f32(2, 5, 2, 2)))


class Sign(torch.autograd.Function):
    """Straight through from -1 to 1 (Courbariaux et al. 2016, arXiv:1602.02830, equation 4)."""

    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t.sign()

    @staticmethod
    def backward(ctx, g):
        return g * (ctx.saved_tensors[0].abs() <= 1)


case("Sign", one("Sign"), lambda t, v: Sign.apply(t), (4, 6), straight=True)
case("Sign at 0 and at the ends", one("Sign"), lambda t, v: Sign.apply(t), (2, 4), x=np.array([[0, 1, -1, 0.5], [1.5, -1.5, -0.5, 30]]), straight=True)
case("a binarised network", [
    ("MatMul", ["x", "w"], ["h"], {}), ("Sign", ["h"], ["b"], {}), ("MatMul", ["b", "v"], ["y"], {}),
], lambda t, v: Sign.apply(t @ v["w"]) @ v["v"], (4, 5), dict(w=f32(5, 6) / 3, v=f32(6, 3)), straight=True)

print(json.dumps({"origin": f"torch {torch.__version__}, float64", "cases": cases}))
