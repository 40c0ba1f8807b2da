"""Mazes for an ant and for a point, with long paths to the target: the tasks of HIRO.

Nachum et al. 2018, "Data-Efficient Hierarchical Reinforcement Learning" (arXiv 1805.08296), after
Duan et al. 2016 (arXiv 1604.06778), rebuilt for current MuJoCo. `layout` is a plan of cells,
`seeker` a task to reach a target in a maze, `scene` and `body` are the ant, `rolling` is the point.
A file with `REGISTRATIONS` is a task.
"""
