"""Teleoperation: a person steers a task's robot; successful episodes become demonstrations.

session    episodes in real time, until enough are kept
steering   keys and sticks -> actions
gamepad    a gamepad, read by pygame (goalrelay[teleop]); keys need no extra package
"""
