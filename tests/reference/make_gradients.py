"""Writes gradients.json: input gradients of small ONNX graphs by PyTorch's autograd
in float64, each held against central differences of the same float64 forward.

Run with torch 2.15, onnx and numpy: python make_gradients.py > gradients.json
"""

import base64
import json

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(7)
cases = []


def case(name, nodes, forward, shape, weights=None, opset=17, x=None):
    """`nodes` lead from `x` to `y`; `forward` is the same in torch, of (x, weights)."""
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
    # Central differences at a few places.
    for flat in rng.choice(x.size, min(x.size, 12), replace=False):
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
    onnx.checker.check_model(model)
    cases.append({
        "name": name,
        "onnx": base64.b64encode(model.SerializeToString()).decode(),
        "shape": list(x.shape),
        "x": [float(v) for v in x.reshape(-1)],
        "cotangent": [float(v) for v in cotangent.reshape(-1)],
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

print(json.dumps({"origin": f"torch {torch.__version__}, float64", "cases": cases}))
