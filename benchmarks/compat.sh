#!/bin/sh
# The task contract at both ends of the MuJoCo range that pyproject.toml allows.
set -eu
cd "$(dirname "$0")/.."
for version in 3.3.7 3.9.0; do
    environment=$(mktemp -d)
    python3 -m venv "$environment"
    "$environment/bin/pip" install -q -e '.[dev]' "mujoco==$version"
    echo "mujoco $version"
    "$environment/bin/python" -m pytest tests/tasks
    rm -rf "$environment"
done
