"""Lets steadfast ask a model that lives in Python.

This one file is what ``cargo steadfast worker`` prints; keep it beside your own. It
needs Python 3.8 and NumPy, nothing else. Write a program, say ``model.py``, that turns a function into a worker::

    import steadfast_worker          # first: from here on, prints go to stderr
    import torch

    torch.set_num_threads(1)
    model = torch.load("model.pt", weights_only=False).eval()

    @torch.inference_mode()
    def predict(inputs):             # numpy float32, first axis the batch
        return model(torch.from_numpy(inputs))

    steadfast_worker.serve(predict, gives="logits", classes=10)

and name it in the spec::

    [model]
    worker = ["python3", "model.py"]
    files = ["model.py", "model.pt"]

steadfast starts the program, asks it over stdin and stdout, and ends it. The frames
are described in docs/worker-protocol.md. An exception in your function fails the case
it was asked for, with its last line; the worker goes on.
"""

import json
import math
import os
import platform
import struct
import sys
import traceback

import numpy as np

PROTOCOL = 1

_MARK = b"\x89SFW"
_LONGEST_HEADER = 1 << 16
_ASKED = "STEADFAST_WORKER" in os.environ

if _ASKED:
    # The pipes are for frames only. What user code prints, in C too, goes to stderr,
    # and what it reads from stdin is empty.
    _source, _sink = open(os.dup(0), "rb", buffering=0), open(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    _nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(_nothing, 0)
    os.close(_nothing)
    if os.name == "nt":
        import msvcrt

        for _pipe in (_source, _sink):
            msvcrt.setmode(_pipe.fileno(), os.O_BINARY)


def serve(predict, *, gives, classes=None, gradient=None, input_shape=None, engine=None):
    """Answers requests until steadfast has no more, then returns.

    predict(inputs) -> answers
        ``inputs`` is a float32 array whose first axis is the batch (never of one
        example). It is only valid until ``predict`` returns: copy what you keep.
        ``answers`` has one row an example and one column a class; an array, a
        PyTorch tensor or nested lists. An example's answer must not depend on its
        neighbours in the batch.
    gives
        What the answers are: ``"logits"``, ``"probabilities"``, or
        ``"positive_probability"`` (one number, the probability of class 1 of two).
    classes
        The number of columns, where it is known; answers are held against it.
    gradient(inputs, cotangents_of) -> gradient at the inputs
        For attacks; leave it out where there is none. Compute the answers (the
        forward pass), hand them to ``cotangents_of``, which returns d loss / d answer
        of the same shape, and return d loss / d input, of the shape of ``inputs``.
        With PyTorch::

            def gradient(inputs, cotangents_of):
                x = torch.from_numpy(inputs).requires_grad_()
                answers = model(x)
                answers.backward(torch.from_numpy(cotangents_of(answers)))
                return x.grad
    input_shape
        The shape of one example, with None for an axis of any length.
    engine
        What computes, with versions: part of what steadfast records of a run, as
        outcomes may differ in their last bits with it. By default Python, NumPy and
        those of PyTorch, TensorFlow, JAX and scikit-learn that are imported.
    """
    if not _ASKED:
        sys.exit(
            "steadfast_worker: this program is a worker, which steadfast starts itself: "
            'name it in a spec, [model] worker = ["python3", "%s"]' % sys.argv[0]
        )
    if gives not in ("logits", "probabilities", "positive_probability"):
        raise ValueError(
            'gives must be "logits", "probabilities" or "positive_probability", not %r' % (gives,)
        )
    about = {
        "gives": gives,
        "classes": None if classes is None else int(classes),
        "input_shape": [None if axis is None else int(axis) for axis in input_shape or ()],
        "gradient": gradient is not None,
        "engine": engine or _versions(),
    }
    try:
        _loop(predict, gradient, gives, about)
    except _Gone:
        pass


def _loop(predict, gradient, gives, about):
    inputs, cotangents = _Buffer(), _Buffer()
    while True:
        request, batch = _read(inputs)
        ask = request["ask"]
        if ask == "close":
            return
        number = [request["id"]]
        try:
            if ask == "describe":
                _write({"id": number[0], "protocol": PROTOCOL, "model": about})
            elif ask == "predict":
                _write({"id": number[0]}, _answers(predict(batch), batch, gives))
            elif ask == "gradient":
                _write_gradient(gradient, batch, gives, number, cotangents)
            else:
                raise ValueError("steadfast_worker cannot %s" % ask)
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            last = traceback.format_exception_only(type(error), error)[-1].strip()
            _write({"id": number[0], "error": last[:4000]})


class _Gone(BaseException):
    """steadfast has ended. No user's `except Exception` is to catch it."""


def _write_gradient(gradient, batch, gives, number, buffer):
    """Answers twice: with the answers, and with the gradient once their cotangents are known."""
    if gradient is None:
        raise ValueError("this worker has no gradient: give steadfast_worker.serve one")
    shown = []

    def cotangents_of(answers):
        if shown:
            raise ValueError("cotangents_of is to be called once")
        shown.append(_answers(answers, batch, gives))
        _write({"id": number[0]}, shown[0])
        request, cotangents = _read(buffer)
        if request["ask"] != "cotangents":
            raise _Gone
        number[0] = request["id"]
        return cotangents

    result = _array(gradient(batch, cotangents_of))
    if not shown:
        raise ValueError("gradient has to call cotangents_of(answers)")
    if result.shape != batch.shape:
        raise ValueError(
            "gradient returned the shape %s, and that of the inputs, %s, is needed"
            % (result.shape, batch.shape)
        )
    _write({"id": number[0]}, result)


def _array(values):
    """Numbers of any kind as little-endian float32 in row-major order."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.ascontiguousarray(values, dtype="<f4")


def _answers(answers, batch, gives):
    answers = _array(answers)
    if gives == "positive_probability" and answers.ndim == 1:
        answers = answers[:, np.newaxis]
    if answers.ndim != 2 or len(answers) != len(batch):
        raise ValueError(
            "the answers have the shape %s, and (%d, classes) is needed: one row an example"
            % (answers.shape, len(batch))
        )
    return answers


def _versions():
    named = ["python " + platform.python_version(), "numpy " + np.__version__]
    for name, module in (
        ("torch", "torch"),
        ("tensorflow", "tensorflow"),
        ("jax", "jax"),
        ("scikit-learn", "sklearn"),
    ):
        if module in sys.modules:
            named.append("%s %s" % (name, getattr(sys.modules[module], "__version__", "?")))
    return ", ".join(named)


class _Buffer:
    """Memory that is kept from batch to batch: fresh pages cost more than the pipe."""

    def __init__(self):
        self.bytes = np.empty(0, np.uint8)

    def of(self, size):
        if len(self.bytes) < size:
            self.bytes = np.empty(size, np.uint8)
        return self.bytes[:size]


def _read(buffer):
    """The next frame: its header, and its tensor, in the buffer."""
    start = _fill(bytearray(8))
    length = struct.unpack("<I", start[4:])[0]
    if start[:4] != _MARK or length > _LONGEST_HEADER:
        sys.exit("steadfast_worker: stdin holds no frames of steadfast")
    header = json.loads(_fill(bytearray(length)))
    tensor = header.get("tensor")
    if tensor is None:
        return header, None
    values = _fill(buffer.of(4 * math.prod(tensor["shape"])))
    return header, values.view("<f4").reshape(tensor["shape"])


def _fill(target):
    """Fills a buffer from the pipe, without copies."""
    view = memoryview(target)
    while len(view):
        count = _source.readinto(view)
        if not count:
            raise _Gone
        view = view[count:]
    return target


def _write(header, tensor=None):
    """Sends a frame."""
    if tensor is not None:
        header["tensor"] = {"dtype": "f32", "shape": tensor.shape}
    text = json.dumps(header).encode()
    parts = [_MARK + struct.pack("<I", len(text)) + text]
    if tensor is not None and tensor.size:
        parts.append(tensor.reshape(-1).view(np.uint8).data)
    try:
        for part in parts:
            view = memoryview(part)
            while len(view):
                view = view[_sink.write(view) :]
    except BrokenPipeError:
        raise _Gone from None
