"""A worker of the standard library alone, which misbehaves as its argument says.

Its answers have two columns: the sum of an example, and its own process number.
"""

import json
import os
import struct
import subprocess
import sys
import time

behaviour = sys.argv[1]
MARK = b"\x89SFW"
seen = 0


def take(size):
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def put(data):
    while data:
        data = data[os.write(1, data):]


def say(text):
    print(text, file=sys.stderr, flush=True)


def frame(header, values=(), shape=None):
    if shape is not None:
        header = dict(header, tensor={"dtype": "f32", "shape": shape})
    text = json.dumps(header).encode()
    return MARK + struct.pack("<I", len(text)) + text + struct.pack("<%df" % len(values), *values)


def count(shape):
    product = 1
    for axis in shape:
        product *= axis
    return product


def child():
    """A child that outlives its parent, unless somebody sees to it; its number in a file."""
    started = subprocess.Popen(["sleep", "600"])
    with open("child", "w") as file:
        file.write(str(started.pid))


def misbehave(number, rows):
    if behaviour == "exits":
        say("the licence has run out")
        os._exit(3)
    if behaviour == "is killed":
        os.kill(os.getpid(), 11)
    if behaviour == "hangs":
        say("waiting for the lock")
        time.sleep(600)
    if behaviour == "prints":
        put(b"epoch 1: loss 0.5\n")
    if behaviour == "breaks off":
        put(frame({"id": number}, [1.0], [rows, 2]))
        os._exit(0)
    if behaviour == "stops short":
        put(frame({"id": number}, [1.0], [rows, 2]))
        time.sleep(600)
    if behaviour == "shouts":
        put(frame({"id": number}, [], [rows, 1 << 62]))
        time.sleep(600)
    if behaviour == "rambles":
        put(MARK + struct.pack("<I", 1 << 31))
        time.sleep(600)
    if behaviour == "mumbles":
        put(MARK + struct.pack("<I", 5) + b"{id:}")
    if behaviour == "few rows":
        put(frame({"id": number}, [0.0] * 2, [1, 2]))
    if behaviour == "more columns":
        put(frame({"id": number}, [0.0] * 3 * rows, [rows, 3]))
    if behaviour == "other axes":
        put(frame({"id": number}, [0.0] * 2 * rows, [rows, 2, 1]))
    if behaviour == "no tensor":
        put(frame({"id": number}))
    if behaviour == "refuses":
        say("Traceback: somewhere")
        put(frame({"id": number, "error": "ValueError: no such column"}))
    if behaviour == "answers another":
        put(frame({"id": number + 1}, [0.0] * 2 * rows, [rows, 2]))
    if behaviour == "answers the last":
        put(frame({"id": number - 1}, [0.0] * 2 * rows, [rows, 2]))
    if behaviour == "fails for another":
        put(frame({"id": number + 1, "error": "ValueError: no such column"}))
    if behaviour == "leaves a child":
        child()
        os._exit(4)
    if behaviour == "closes its stdout":
        os.close(1)
        time.sleep(600)


if behaviour == "fails at the start":
    say("ModuleNotFoundError: No module named 'torch'")
    sys.exit(1)
if behaviour == "hangs at the start":
    say("reading 8 GB of weights")
    time.sleep(600)
if behaviour == "has a child":
    child()

while True:
    start = take(8)
    header = json.loads(take(struct.unpack("<I", start[4:])[0]))
    number, ask = header["id"], header["ask"]
    if ask == "close":
        if behaviour == "does not end":
            time.sleep(600)
        sys.exit(0)
    if ask == "describe":
        model = {"gives": "logits", "classes": 2, "input_shape": [None], "gradient": True, "engine": "tests 1"}
        if behaviour == "has no gradient":
            model["gradient"] = False
        if behaviour == "changes" and os.path.exists("started"):
            model["classes"] = 3
        open("started", "w").close()
        protocol = 2 if behaviour == "speaks otherwise" else 1
        put(frame({"id": number, "protocol": protocol, "model": model}))
        if behaviour == "closes its stdin":
            os.close(0)
            time.sleep(600)
        continue
    shape = header["tensor"]["shape"]
    rows = shape[0]
    seen += 1
    if behaviour == "answers before it reads":
        say("x" * 500_000)
        put(frame({"id": number}, [1.0] * rows * shape[1], shape))
        take(4 * count(shape))
        continue
    values = struct.unpack("<%df" % count(shape), take(4 * count(shape)))
    each = len(values) // rows
    if ask == "cotangents":
        # d loss / d input = d loss / d sum: the process number has no slope.
        result = [values[2 * row] for row in range(rows) for _ in range(inputs[1])]
        put(frame({"id": number}, result, inputs))
        continue
    inputs = shape
    # The second request is where it goes wrong, once.
    if seen == 2 and not os.path.exists("misbehaved"):
        open("misbehaved", "w").close()
        misbehave(number, rows)
        if behaviour in (
            "refuses", "few rows", "more columns", "other axes", "no tensor", "answers another",
            "answers the last", "fails for another",
        ):
            continue
    if behaviour == "changes" and seen == 2:
        os._exit(0)
    answer = [x for row in range(rows) for x in (sum(values[each * row:each * (row + 1)]), os.getpid())]
    answer = frame({"id": number}, answer, [rows, 2])
    if behaviour == "is slow":
        for byte in answer:
            put(bytes([byte]))
            time.sleep(0.002)
    else:
        put(answer)
    if seen == 1 and not os.path.exists("spoke"):
        if behaviour == "speaks afterwards":
            put(b"epoch 1: loss 0.5\n")
        if behaviour == "answers again":
            put(answer)
        open("spoke", "w").close()
        if behaviour == "ends afterwards":
            os._exit(0)
