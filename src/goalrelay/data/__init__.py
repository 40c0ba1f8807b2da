"""What happened: rollouts, the replay buffer, goal relabelling, priorities."""
