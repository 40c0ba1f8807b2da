"""Collection elsewhere than in the threads of this process: physics on JAX's device."""
