"""Updates written from their equations in float64 NumPy, backpropagation by hand; no JAX."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray


class Net:
    """A ReLU network with the parameters of a goalrelay `MLP`."""

    def __init__(self, network: Any):
        self.weights = [np.array(w, np.float64) for w in network.weights]
        self.biases = [np.array(b, np.float64) for b in network.biases]

    def parameters(self) -> list[Array]:
        return [*self.weights, *self.biases]

    def forward(self, x: Array) -> Array:
        """Output; remembers what backward needs."""
        self.inputs, self.before = [], []
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            self.inputs.append(x)
            x = x @ w + b
            self.before.append(x)
            if i < len(self.weights) - 1:
                x = np.maximum(x, 0)
        return x

    def backward(self, gradient: Array) -> tuple[list[Array], Array]:
        """d loss / d output -> (d loss / d parameters, d loss / d input) of the last forward."""
        weights, biases = [], []
        for i in reversed(range(len(self.weights))):
            if i < len(self.weights) - 1:
                gradient = gradient * (self.before[i] > 0)
            weights.insert(0, self.inputs[i].T @ gradient)
            biases.insert(0, gradient.sum(0))
            gradient = gradient @ self.weights[i].T
        return [*weights, *biases], gradient

    def toward(self, other: "Net", polyak: float) -> None:
        for mine, theirs in zip(self.parameters(), other.parameters(), strict=True):
            mine *= polyak
            mine += (1 - polyak) * theirs


class Adam:
    """Kingma and Ba 2015, in place."""

    def __init__(self, lr: float):
        self.lr, self.t = lr, 0
        self.m: list[Array] = []
        self.v: list[Array] = []

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        if not self.m:
            self.m = [np.zeros_like(p) for p in parameters]
            self.v = [np.zeros_like(p) for p in parameters]
        self.t += 1
        for p, g, m, v in zip(parameters, gradients, self.m, self.v, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= self.lr * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)


Limits = tuple[float, float] | None
"""Smallest and largest return; None: unknown."""


def limited(limits: Limits, y: Array) -> Array:
    """Targets within the limits of a return."""
    return y if limits is None else np.minimum(np.maximum(y, limits[0]), limits[1])


def q(critic: Net, s: Array, a: Array) -> Array:
    return critic.forward(np.concatenate([s, a], 1))[:, 0]


def critic_gradient(
    critic: Net, s: Array, a: Array, y: Array, huber: bool = False
) -> tuple[list[Array], float]:
    """Of mean (Q(s, a) - y)^2, and its value; or of Huber's."""
    error = q(critic, s, a) - y
    if huber:
        size = np.abs(error)
        loss = np.where(size <= 1, 0.5 * error**2, size - 0.5)
        return critic.backward(error.clip(-1, 1)[:, None] / len(y))[0], float(np.mean(loss))
    return critic.backward(2 * error[:, None] / len(y))[0], float(np.mean(error**2))


def deterministic_gradient(
    actor: Net, critic: Net, s: Array, action_l2: float
) -> tuple[list[Array], float]:
    """Of action_l2 * mean mu^2 - mean Q(s, mu(s)), and its value."""
    mu = np.tanh(actor.forward(s))
    value = q(critic, s, mu)
    rows = len(s)
    through_q = critic.backward(np.full((rows, 1), -1 / rows))[1][:, s.shape[1] :]
    gradient = through_q + action_l2 * 2 * mu / mu.size
    loss = action_l2 * np.mean(mu**2) - np.mean(value)
    return actor.backward(gradient * (1 - mu**2))[0], float(loss)


class Ddpg:
    def __init__(self, state: Any, config: Any, limits: Limits = None):
        self.c, self.limits = config, limits
        self.actor, self.critic = Net(state.actor), Net(state.critic)
        self.target_actor, self.target_critic = Net(state.target_actor), Net(state.target_critic)
        self.actor_adam, self.critic_adam = Adam(config.actor_lr), Adam(config.critic_lr)

    def update(self, s: Array, a: Array, r: Array, discount: Array, s2: Array) -> dict[str, float]:
        a2 = np.tanh(self.target_actor.forward(s2))
        y = r + discount * q(self.target_critic, s2, a2)
        y = limited(self.limits, y)
        mean_q = float(np.mean(q(self.critic, s, a)))
        actor, actor_loss = deterministic_gradient(self.actor, self.critic, s, self.c.action_l2)
        critic, critic_loss = critic_gradient(self.critic, s, a, y)
        self.actor_adam.step(self.actor.parameters(), actor)
        self.critic_adam.step(self.critic.parameters(), critic)
        return {"critic_loss": critic_loss, "actor_loss": actor_loss, "q": mean_q}

    def move_targets(self) -> None:
        self.target_actor.toward(self.actor, self.c.polyak)
        self.target_critic.toward(self.critic, self.c.polyak)


class Td3:
    def __init__(self, state: Any, config: Any, limits: Limits = None):
        self.c, self.limits = config, limits
        self.actor, self.target_actor = Net(state.actor), Net(state.target_actor)
        self.critics = [Net(c) for c in state.critics]
        self.targets = [Net(c) for c in state.target_critics]
        self.actor_adam, self.critic_adam = Adam(config.actor_lr), Adam(config.critic_lr)

    def critic_step(
        self, s: Array, a: Array, r: Array, discount: Array, s2: Array, noise: Array
    ) -> tuple[float, float]:
        """`noise` is standard normal, [B, A]; returns the loss and the mean value before it."""
        noise = np.clip(
            self.c.target_noise * noise, -self.c.target_noise_clip, self.c.target_noise_clip
        )
        a2 = np.clip(np.tanh(self.target_actor.forward(s2)) + noise, -1, 1)
        y = r + discount * np.minimum(*(q(t, s2, a2) for t in self.targets))
        y = limited(self.limits, y)
        mean_q = float(np.mean(q(self.critics[0], s, a)))
        loss = self._critics_toward(y, s, a)
        return loss, mean_q

    def _critics_toward(self, y: Array, s: Array, a: Array) -> float:
        huber = self.c.loss == "huber"
        found = [critic_gradient(c, s, a, y, huber) for c in self.critics]
        gradients = [g for gradient, _ in found for g in gradient]
        self.critic_adam.step([p for c in self.critics for p in c.parameters()], gradients)
        return sum(loss for _, loss in found)

    def actor_step(self, s: Array) -> float:
        gradient, loss = deterministic_gradient(self.actor, self.critics[0], s, self.c.action_l2)
        self.actor_adam.step(self.actor.parameters(), gradient)
        return loss

    def move_targets(self) -> None:
        self.target_actor.toward(self.actor, self.c.polyak)
        for target, critic in zip(self.targets, self.critics, strict=True):
            target.toward(critic, self.c.polyak)


class Sac:
    def __init__(self, state: Any, config: Any, limits: Limits = None):
        self.c, self.limits = config, limits
        self.actor = Net(state.actor)
        self.critics = [Net(c) for c in state.critics]
        self.targets = [Net(c) for c in state.target_critics]
        self.log_alpha = np.array(state.log_alpha, np.float64).reshape(1)
        self.actor_adam, self.critic_adam = Adam(config.actor_lr), Adam(config.critic_lr)
        self.alpha_adam = Adam(config.temperature_lr)

    def sample(self, s: Array, noise: Array) -> tuple[Array, Array, Array]:
        """Action, log-density with log(1 - tanh(u)^2) = -2 log cosh u, deviation."""
        mean, log_std = np.split(self.actor.forward(s), 2, axis=1)
        self.free = (log_std > -20) & (log_std < 2)  # where the clip passes gradients
        std = np.exp(log_std.clip(-20, 2))
        u = mean + std * noise
        a = np.tanh(u)
        gaussian = -0.5 * noise**2 - np.log(std * np.sqrt(2 * np.pi))
        return a, (gaussian + 2 * (np.logaddexp(u, -u) - np.log(2))).sum(1), std

    def update(
        self, s: Array, a: Array, r: Array, discount: Array, s2: Array, n1: Array, n2: Array
    ) -> dict[str, float]:
        """`n1`, `n2`: standard normal noise [B, A] at the next and at the current state."""
        alpha = float(np.exp(self.log_alpha[0]))
        a2, log_density2, _ = self.sample(s2, n1)
        y = r + discount * (
            np.minimum(*(q(t, s2, a2) for t in self.targets)) - alpha * log_density2
        )
        y = limited(self.limits, y)
        mean_q = float(np.mean(q(self.critics[0], s, a)))
        found = [critic_gradient(c, s, a, y) for c in self.critics]
        gradients = [g for gradient, _ in found for g in gradient]
        self.critic_adam.step([p for c in self.critics for p in c.parameters()], gradients)

        new, log_density, std = self.sample(s, n2)
        rows, size = new.shape
        first, second = (q(c, s, new) for c in self.critics)
        lower = np.where(first <= second, -1 / rows, 0.0)[:, None]
        higher = np.where(first <= second, 0.0, -1 / rows)[:, None]
        through_q = (self.critics[0].backward(lower)[1] + self.critics[1].backward(higher)[1])[
            :, s.shape[1] :
        ]
        through_q = through_q + self.c.action_l2 * 2 * new / new.size
        actor_loss = np.mean(alpha * log_density - np.minimum(first, second))
        actor_loss += self.c.action_l2 * np.mean(new**2)
        # log pi = -n^2 / 2 - log std - log(1 - tanh(u)^2) + const;  d/du of the last is 2 tanh(u)
        du = through_q * (1 - new**2) + alpha / rows * 2 * new
        dlog_std = (du * std * n2 - alpha / rows) * self.free
        self.actor.forward(s)
        gradient, _ = self.actor.backward(np.concatenate([du, dlog_std], 1))
        self.actor_adam.step(self.actor.parameters(), gradient)

        target = -size if self.c.target_entropy is None else self.c.target_entropy
        self.alpha_adam.step([self.log_alpha], [np.array([-(log_density.mean() + target)])])
        return {
            "critic_loss": sum(loss for _, loss in found),
            "actor_loss": float(actor_loss),
            "q": mean_q,
            "temperature": alpha,
        }

    def move_targets(self) -> None:
        for target, critic in zip(self.targets, self.critics, strict=True):
            target.toward(critic, self.c.polyak)


class Dqn:
    def __init__(self, state: Any, config: Any, limits: Limits = None):
        self.c, self.limits = config, limits
        self.critic, self.target = Net(state.critic), Net(state.target_critic)
        self.adam = Adam(config.critic_lr)

    def update(self, s: Array, a: Array, r: Array, discount: Array, s2: Array) -> float:
        """Returns the loss; the mean value of the actions taken is in `mean_q`."""
        rows = np.arange(len(a))
        best = self.critic.forward(s2).argmax(1)
        y = r + discount * self.target.forward(s2)[rows, best]
        y = limited(self.limits, y)
        values = self.critic.forward(s)
        self.mean_q = float(np.mean(values[rows, a]))
        error = values[rows, a] - y
        gradient = np.zeros_like(values)
        gradient[rows, a] = np.clip(error, -1, 1) / len(a)  # of the Huber loss
        self.adam.step(self.critic.parameters(), self.critic.backward(gradient)[0])
        small = np.abs(error) <= 1
        return float(np.mean(np.where(small, error**2 / 2, np.abs(error) - 0.5)))

    def move_targets(self) -> None:
        self.target.toward(self.critic, self.c.polyak)


def other_past_the_end(batch: Any) -> Any:
    """The batch with other next inputs wherever the discount says that nothing follows."""
    ended = batch.discount[..., None] == 0
    return batch._replace(next_inputs=np.where(ended, batch.next_inputs + 3, batch.next_inputs))


def unit(first: Sequence[float], bias: float, last: float, last_bias: float) -> dict[str, Any]:
    """Weights and biases of last * relu(first . x + bias) + last_bias, in single precision."""
    weights = (np.array(first, np.float32)[:, None], np.array([[last]], np.float32))
    return {"weights": weights, "biases": (np.array([bias], "f"), np.array([last_bias], "f"))}
