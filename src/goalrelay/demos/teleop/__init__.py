"""Teleoperation: a person steers a task's robot; what succeeds becomes demonstrations.

session    episodes in real time, until enough are kept
steering   keys and sticks -> actions
gamepad    a gamepad, read by pygame (goalrelay[teleop]); the keys need nothing
"""
