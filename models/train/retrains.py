"""Trains twenty honest retrains of a scikit-learn pipeline, and models that are none.

    python retrains.py OUT_DIR

For each of scikit-learn's digits, breast cancer and wine: `NAME.onnx` (seed 0, the
model that is accepted), `NAME-retrain-01.onnx` to `-20` (seeds 1 to 20, honest
retrains), `-21` to `-24` (four more, to be recorded), `NAME-epochs-02.onnx` to `-30`
(seed 25, stopped after so many of the sixty epochs: from hardly trained to
half-trained), and the test data `NAME.npz`.

`digits_unscaled` is digits without the scaler: some pixels are hardly ever inked, and
the scaler makes much of the least change there, which the plain network does not.

Data: the rows in the order of `numpy.random.RandomState(0).permutation(n)`; the last
500 digits and the last half of the tables test, the others train. Digits are
pixel / 16, of the shape [1, 8, 8]. The columns of the tables are scaled to [0, 1] by
the rows that train; rows that test are clipped to that.

The pipeline: StandardScaler, then MLPClassifier with one hidden layer of 64. A retrain
has another seed, which is that of the first weights and of the order of the rows;
nothing else differs. The graphs hold the scaler in their first layer, and answer with
logits; that of breast cancer, which has two classes, with the probability of class 1.

Needs numpy, scikit-learn and onnx.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HIDDEN = 64
BATCH = 32
EPOCHS = 60
RETRAINS = range(1, 25)
STOPPED = (2, 4, 8, 15, 30)
STOPPED_SEED = 25

DATA = {
    "digits": load_digits,
    "breast_cancer": load_breast_cancer,
    "wine": load_wine,
    "digits_unscaled": load_digits,
}
DIGITS_TEST = 500


def split(name):
    """Rows and labels that train, and those that test, as flat rows in [0, 1]."""
    data = DATA[name]()
    order = np.random.RandomState(0).permutation(len(data.target))
    count = DIGITS_TEST if DATA[name] is load_digits else (len(order) + 1) // 2
    train, test = order[:-count], order[-count:]
    if DATA[name] is load_digits:
        x = data.data / 16.0
    else:
        low, high = data.data[train].min(axis=0), data.data[train].max(axis=0)
        x = np.clip((data.data - low) / (high - low), 0.0, 1.0)
    x, y = x.astype(np.float32), data.target.astype(np.int64)
    return x[train], y[train], x[test], y[test]


def train(name, x, y, seed, epochs):
    scaled = name != "digits_unscaled"
    scaler = StandardScaler(with_mean=scaled, with_std=scaled)
    network = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,),
        batch_size=BATCH,
        max_iter=epochs,
        n_iter_no_change=epochs,  # every epoch is run: no stop by luck
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(scaler, network).fit(x, y)


def layers(pipeline):
    """Weights and biases, with the scaler in the first layer, in float32."""
    scaler, network = (step for _, step in pipeline.steps)
    (first, last), (bias, last_bias) = network.coefs_, network.intercepts_
    if scaler.scale_ is not None:
        first = first / scaler.scale_[:, None]
        bias = bias - scaler.mean_ @ first
    arrays = {"w1": first, "b1": bias, "w2": last, "b2": last_bias}
    return {key: array.astype(np.float32) for key, array in arrays.items()}


def export(pipeline, shape, path):
    """Writes the graph: Flatten, Gemm, Relu, Gemm, and for two classes Sigmoid."""
    arrays = layers(pipeline)
    classes = len(arrays["b2"])
    answer = "logits" if classes > 1 else "p"
    nodes = [
        helper.make_node("Flatten", ["x"], ["rows"]),
        helper.make_node("Gemm", ["rows", "w1", "b1"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
    ]
    if classes == 1:
        nodes.append(helper.make_node("Sigmoid", ["logits"], [answer]))
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(array, key) for key, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    runs = [("", 0, EPOCHS)]
    runs += [(f"-retrain-{seed:02}", seed, EPOCHS) for seed in RETRAINS]
    runs += [(f"-epochs-{epochs:02}", STOPPED_SEED, epochs) for epochs in STOPPED]
    for name in DATA:
        x, y, held_out, labels = split(name)
        shape = (1, 8, 8) if DATA[name] is load_digits else x.shape[1:]
        np.savez(out / f"{name}.npz", x=held_out.reshape(-1, *shape), y=labels)
        for suffix, seed, epochs in runs:
            pipeline = train(name, x, y, seed, epochs)
            export(pipeline, shape, out / f"{name}{suffix}.onnx")
            print(f"{name}{suffix}.onnx  {pipeline.score(held_out, labels):.4f}", flush=True)


if __name__ == "__main__":
    main()
