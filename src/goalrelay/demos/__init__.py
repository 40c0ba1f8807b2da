"""Demonstrations: generated, imported, stored as Minari datasets, read for learning.

generate   a scripted expert or a trained policy plays a task
teleop/    a person does, with keys or a gamepad
baselines  the `.npz` files of OpenAI Baselines
dataset    Demonstration <-> a folder that Minari's own loader opens
load       a folder -> the facts that a method learns from
"""
