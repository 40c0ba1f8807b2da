"""Fetch tasks on current MuJoCo: the four stock tasks, faster, and the sequential tasks of RHER.

`scene` compiles, `simulation` steps, and `environment` adds goals and rewards. A file with
`REGISTRATIONS` is a task; the other files hold what several tasks share.
"""
