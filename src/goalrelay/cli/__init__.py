"""The command line: `main` (the commands), `train`, `demos`, `parsing`, `terminal` (the display).

Only this folder imports tyro and rich.
"""
