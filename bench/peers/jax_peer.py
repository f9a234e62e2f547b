"""JAX: a jitted step on NHWC images, its state donated."""

import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
import workload


class Net:
    """Parameters as a flat list in the order of the layers, and the function that uses them."""

    def __init__(self, model: workload.Model):
        self.layers = model.layers
        self.params = []
        # Batch norm's moving mean and variance, which no gradient changes.
        self.moving = []
        kernels = workload.Kernels()
        self._initialize(model.layers, model.input_shape, kernels)

    def _initialize(self, layers: tuple, shape: tuple, kernels: workload.Kernels) -> tuple:
        for layer in layers:
            match layer:
                case workload.Conv():
                    size = layer.size
                    self.params.append(kernels.draw((size, size, shape[-1], layer.filters)))
                    if layer.bias:
                        self.params.append(np.zeros(layer.filters, np.float32))
                    extents = [-(-e // layer.strides) if layer.same else
                               (e - size) // layer.strides + 1 for e in shape[:2]]
                    shape = (*extents, layer.filters)
                case workload.Dense():
                    self.params.append(kernels.draw((shape[0], layer.units)))
                    self.params.append(np.zeros(layer.units, np.float32))
                    shape = (layer.units,)
                case workload.BatchNorm():
                    for values in (self.params, self.moving):
                        values.extend([None, None])
                    channels = shape[-1]
                    self.params[-2:] = [np.ones(channels, np.float32),
                                        np.zeros(channels, np.float32)]
                    self.moving[-2:] = [np.zeros(channels, np.float32),
                                        np.ones(channels, np.float32)]
                case workload.MaxPool():
                    shape = (shape[0] // 2, shape[1] // 2, shape[2])
                case workload.AveragePool():
                    shape = (1, 1, shape[2])
                case workload.Flatten():
                    shape = (int(np.prod(shape)),)
                case workload.Residual():
                    before = shape
                    shape = self._initialize(layer.main, before, kernels)
                    self._initialize(layer.shortcut, before, kernels)
        return shape

    def apply(self, params, moving, key, x, training: bool):
        """Logits, and what the moving values have become."""
        call = _Call(iter(params), iter(moving), key, training)
        return call.layers(self.layers, x), call.moved


class _Call:
    def __init__(self, params, moving, key, training: bool):
        self.params, self.moving, self.key, self.training = params, moving, key, training
        self.moved = []

    def layers(self, layers: tuple, x):
        for layer in layers:
            x = self.layer(layer, x)
        return x

    def layer(self, layer, x):
        match layer:
            case workload.Conv():
                x = jax.lax.conv_general_dilated(
                    x, next(self.params), (layer.strides, layer.strides),
                    "SAME" if layer.same else "VALID",
                    dimension_numbers=("NHWC", "HWIO", "NHWC"))
                x = x + next(self.params) if layer.bias else x
                return jax.nn.relu(x) if layer.relu else x
            case workload.Dense():
                x = x @ next(self.params) + next(self.params)
                return jax.nn.relu(x) if layer.relu else x
            case workload.Dropout():
                if not self.training:
                    return x
                self.key, key = jax.random.split(self.key)
                keep = jax.random.bernoulli(key, 1 - layer.rate, x.shape)
                return jnp.where(keep, x / (1 - layer.rate), 0)
            case workload.MaxPool():
                return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1),
                                             "VALID")
            case workload.AveragePool():
                return x.mean((1, 2), keepdims=True)
            case workload.Flatten():
                return x.reshape(x.shape[0], -1)
            case workload.BatchNorm():
                x = self.batch_norm(x)
                return jax.nn.relu(x) if layer.relu else x
            case workload.Residual():
                main = self.layers(layer.main, x)
                return jax.nn.relu(main + self.layers(layer.shortcut, x))
        raise TypeError(layer)

    def batch_norm(self, x):
        gamma, beta = next(self.params), next(self.params)
        old_mean, old_variance = next(self.moving), next(self.moving)
        if self.training:
            mean = x.mean((0, 1, 2))
            variance = (x * x).mean((0, 1, 2)) - mean * mean
            self.moved += [0.99 * old_mean + 0.01 * mean, 0.99 * old_variance + 0.01 * variance]
        else:
            mean, variance = old_mean, old_variance
        return (x - mean) * (gamma * jax.lax.rsqrt(variance + 1e-3)) + beta


def _rmsprop(o: workload.Optimizer, weight, gradient, slots):
    v = o.rho * slots[0] + (1 - o.rho) * gradient * gradient
    return weight - o.learning_rate * gradient * jax.lax.rsqrt(v + o.epsilon), [v]


def _adadelta(o: workload.Optimizer, weight, gradient, slots):
    a = o.rho * slots[0] + (1 - o.rho) * gradient * gradient
    delta = gradient * jnp.sqrt(slots[1] + o.epsilon) * jax.lax.rsqrt(a + o.epsilon)
    x = o.rho * slots[1] + (1 - o.rho) * delta * delta
    return weight - o.learning_rate * delta, [a, x]


# Function and number of slots.
OPTIMIZERS = {"rmsprop": (_rmsprop, 1), "adadelta": (_adadelta, 2)}


class Peer:
    def __init__(self, threads: int, options: list):
        # The threads are as many as CPUs that the process may use (compare sees to that).
        assert len(os.sched_getaffinity(0)) == threads
        if "rbg" in options:
            jax.config.update("jax_default_prng_impl", "unsafe_rbg")

    def version(self) -> str:
        return f"JAX {jax.__version__}"

    def prepare(self, model, training, x, y, batch) -> None:
        net = self.net = Net(model)
        self.training = training
        x = x.reshape(-1, batch, *x.shape[1:])
        self.x = [jnp.asarray(part) for part in x]
        self.y = [jnp.asarray(part) for part in y.reshape(-1, batch)]
        self.place = 0
        update, slots = OPTIMIZERS[model.optimizer.name]

        @functools.partial(jax.jit, donate_argnums=0)
        def train(state, x, y):
            params, moving, state_slots, key = state
            key, step_key = jax.random.split(key)

            def loss_of(params):
                logits, moved = net.apply(params, moving, step_key, x, training=True)
                chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
                return -chosen.mean(), moved

            (loss, moved), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
            updated = [update(model.optimizer, *each)
                       for each in zip(params, gradients, state_slots)]
            return ([new for new, _ in updated], moved, [s for _, s in updated], key), loss

        @jax.jit
        def predict(params, moving, x):
            return jax.nn.softmax(net.apply(params, moving, None, x, training=False)[0])

        params = [jnp.asarray(p) for p in net.params]
        self.state = (params, [jnp.asarray(m) for m in net.moving],
                      [[jnp.zeros_like(p) for _ in range(slots)] for p in params],
                      jax.random.key(1))
        self.train, self.predict = train, predict

    def parameters(self) -> int:
        return sum(p.size for p in [*self.net.params, *self.net.moving])

    def outputs(self) -> np.ndarray:
        return np.asarray(self.predict(self.state[0], self.state[1], self.x[0][:2]))

    def learn(self, epochs: int) -> list:
        means = []
        for _ in range(epochs):
            losses = []
            for x, y in zip(self.x, self.y):
                self.state, loss = self.train(self.state, x, y)
                losses.append(loss)
            means.append(float(np.mean(losses)))
        return means

    def run(self, steps: int) -> None:
        result = None
        for _ in range(steps):
            if self.training:
                self.state, result = self.train(self.state, self.x[self.place],
                                                self.y[self.place])
            else:
                result = self.predict(self.state[0], self.state[1], self.x[self.place])
            self.place = (self.place + 1) % len(self.x)
        jax.block_until_ready((result, self.state[0]))
