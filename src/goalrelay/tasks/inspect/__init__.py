"""What a task is, from what it shows: a few hundred steps are played and compared with each other.

play        plays steps: actions that are held, and a hand that is driven to an object
motion      which columns the actions move, which objects move only when the hand is near
kinds       what the columns are: positions, velocities, differences, angles
found       the structure that follows: stages, column kinds
report      all of it in words, with a module to paste
"""
