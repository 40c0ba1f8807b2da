"""Demonstrations: generated, imported, stored as Minari datasets, loaded for training.

generate   demonstrations of a scripted expert or a trained policy
teleop/    demonstrations of a person, with keys or a gamepad
baselines  import of the `.npz` files of OpenAI Baselines
dataset    Demonstration <-> a folder that Minari's loader can open
load       a folder -> episodes for the replay buffer
"""
