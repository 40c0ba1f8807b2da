"""Long ways through small mazes, for an ant and for a point: the tasks of HIRO.

Nachum et al. 2018, "Data-Efficient Hierarchical Reinforcement Learning" (arXiv 1805.08296), after
Duan et al. 2016 (arXiv 1604.06778), rebuilt for current MuJoCo. `layout` is a plan of cells,
`seeker` a task with a place to reach in one, `scene` and `body` the ant, `rolling` the point; every
other file here is a task.
"""
