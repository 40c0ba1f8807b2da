"""Collection by other processes and on other machines; the buffer stays with the learner.

    Trainer --> RemoteCollector --> Dispatcher --> Pool --> workers      (jobs: weights, seed)
            <--                <--            <--      <--              (episodes)

An episode depends on its seed and the policy alone. So it does not matter which worker collects it,
nor how often that is tried: the curve with workers is the curve without. `mjx` is a collector whose
physics run on JAX's device.
"""
