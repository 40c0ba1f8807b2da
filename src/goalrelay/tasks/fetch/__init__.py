"""Fetch tasks on current MuJoCo: the stock four, fast, and the relay tasks of RHER.

`scene` builds what is simulated, `environment` runs it; every other file here is a task.
"""
