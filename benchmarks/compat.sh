#!/bin/sh
# The task contract at both ends of the MuJoCo range that pyproject.toml allows. Then our own tasks
# on the newest MuJoCo, where the stock tasks of gymnasium-robotics cannot be built; the expert of
# sliding is left out, whose constants were measured with 3.9.
set -eu
cd "$(dirname "$0")/.."
ours="tests/tasks/test_fetch_relay_tasks.py tests/tasks/test_fetch_several.py
    tests/tasks/test_ant_gather.py tests/tasks/test_ant_points.py tests/tasks/test_ant_walkers.py"
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
