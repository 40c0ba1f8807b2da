"""Demonstrations: recorded, imported, stored as Minari datasets, read for learning.

record     a scripted expert or a trained policy plays a task
teleop     a person does: `steering` turns keys, and `gamepad` sticks, into actions
baselines  the `.npz` files of OpenAI Baselines
dataset    Demonstration <-> a folder that Minari's own loader opens
load       a folder -> the facts that a method learns from
"""
