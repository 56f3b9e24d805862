#!/usr/bin/env bash
# Installs MLServer and ONNX Runtime for the test of served models, into a virtual
# environment: `tests/endpoint/install.sh FOLDER`, then
# `MLSERVER_FOLDER=FOLDER cargo test -p cargo-steadfast --test functional mlserver`.
set -euo pipefail
folder=${1:?which folder to install into}
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet -r "$(dirname "$0")/requirements.txt"
"$folder/bin/python" -c 'import mlserver, onnxruntime; print("mlserver", mlserver.__version__, "onnxruntime", onnxruntime.__version__)'
