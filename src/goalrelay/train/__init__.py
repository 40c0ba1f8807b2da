"""One training run: configuration, loop, evaluation, policy, run folder, sweeps."""
