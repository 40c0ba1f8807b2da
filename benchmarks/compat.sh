#!/bin/sh
# The lowest versions of all dependencies that pyproject.toml allows, and the quick tests on them.
# Figures of short runs are left out: other versions round otherwise.
# Then the task contract at both ends of the MuJoCo range that pyproject.toml allows. Then our own tasks
# on the newest MuJoCo, where the stock tasks of gymnasium-robotics cannot be built; the expert of
# sliding is left out, whose constants were measured with 3.9.
set -eu
cd "$(dirname "$0")/.."
ours="tests/tasks/test_fetch_relay_tasks.py tests/tasks/test_fetch_several.py
    tests/tasks/test_ant_gather.py tests/tasks/test_ant_points.py tests/tasks/test_ant_walkers.py"
environment=$(mktemp -d)
python3 -m venv "$environment"
lowest=$(python3 -c '
import re, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
for line in project["dependencies"] + extras["viz"] + extras["minari"]:
    print(re.sub(">=([0-9.]+).*", r"==\1", line))
')
"$environment/bin/pip" install -q -e '.[dev]' $lowest
"$environment/bin/python" -m pytest -k "not frozen_figures"
rm -rf "$environment"

for version in 3.3.7 3.9.0 4.0.0; do
    environment=$(mktemp -d)
    python3 -m venv "$environment"
    "$environment/bin/pip" install -q -e '.[dev]'
    "$environment/bin/pip" uninstall -q -y mujoco
    "$environment/bin/pip" install -q "mujoco==$version"  # pip warns where it is out of range
    "$environment/bin/python" -c "import mujoco; print('mujoco', mujoco.__version__)"
    case $version in
    4*) "$environment/bin/python" -m pytest $ours -k "not slide" ;;
    *) "$environment/bin/python" -m pytest tests/tasks ;;
    esac
    rm -rf "$environment"
done
