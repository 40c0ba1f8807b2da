"""What a run looks like to people: learning curves and films."""
