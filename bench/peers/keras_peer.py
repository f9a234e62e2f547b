"""Keras, on the backend that KERAS_BACKEND names, by the faster of the ways that its users have."""

import os

import keras
import numpy as np
import workload


class Builder:
    def __init__(self):
        self.kernels = workload.Kernels()

    def chain(self, layers: tuple, x):
        for layer in layers:
            x = self.layer(layer, x)
        return x

    def layer(self, layer, x):
        relu = "relu" if getattr(layer, "relu", False) else None
        match layer:
            case workload.Conv():
                made = keras.layers.Conv2D(
                    layer.filters, layer.size, layer.strides, "same" if layer.same else "valid",
                    activation=relu, use_bias=layer.bias)
                return self.with_kernel(made, x)
            case workload.Dense():
                last = None if layer.units != workload.CLASSES else "softmax"
                return self.with_kernel(keras.layers.Dense(layer.units, activation=relu or last), x)
            case workload.Dropout():
                return keras.layers.Dropout(layer.rate)(x)
            case workload.MaxPool():
                return keras.layers.MaxPooling2D()(x)
            case workload.AveragePool():
                return keras.layers.AveragePooling2D(tuple(x.shape[1:3]))(x)
            case workload.Flatten():
                return keras.layers.Flatten()(x)
            case workload.BatchNorm():
                x = keras.layers.BatchNormalization()(x)
                return keras.layers.Activation("relu")(x) if relu else x
            case workload.Residual():
                main = self.chain(layer.main, x)
                added = keras.layers.Add()([main, self.chain(layer.shortcut, x)])
                return keras.layers.Activation("relu")(added)
        raise TypeError(layer)

    def with_kernel(self, layer, x):
        y = layer(x)
        layer.kernel.assign(self.kernels.draw(tuple(layer.kernel.shape)))
        return y


OPTIMIZERS = {
    "rmsprop": lambda o: keras.optimizers.RMSprop(o.learning_rate, rho=o.rho, epsilon=o.epsilon),
    "adadelta": lambda o: keras.optimizers.Adadelta(o.learning_rate, rho=o.rho, epsilon=o.epsilon),
}


class Peer:
    def __init__(self, threads: int, options: list):
        keras.utils.set_random_seed(1)
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
            self.backend = f"TensorFlow {tf.__version__}"
        else:
            import jax

            assert len(os.sched_getaffinity(0)) == threads
            self.backend = f"JAX {jax.__version__}"

    def version(self) -> str:
        return f"Keras {keras.__version__} on {self.backend}"

    def prepare(self, model, training, x, y, batch) -> None:
        keras.utils.clear_session()
        inputs = keras.Input(model.input_shape)
        self.net = keras.Model(inputs, Builder().chain(model.layers, inputs))
        self.net.compile(OPTIMIZERS[model.optimizer.name](model.optimizer),
                         "categorical_crossentropy")
        self.training, self.x, self.batch = training, x, batch
        self.y = keras.utils.to_categorical(y, workload.CLASSES)

    def parameters(self) -> int:
        return self.net.count_params()

    def outputs(self) -> np.ndarray:
        return self.net.predict(self.x[:2], verbose=0)

    def learn(self, epochs: int) -> list:
        return self.fit(self.x, self.y, epochs).history["loss"]

    def fit(self, x, y, epochs: int):
        return self.net.fit(x, y, self.batch, epochs, verbose=0, shuffle=False)

    def run(self, steps: int) -> None:
        if keras.backend.backend() == "tensorflow":
            self.run_batches(steps)
            return
        whole, rest = divmod(steps, len(self.x) // self.batch)
        for epochs, samples in ((whole, len(self.x)), (min(rest, 1), rest * self.batch)):
            if epochs > 0 and self.training:
                self.fit(self.x[:samples], self.y[:samples], epochs)
            elif epochs > 0:
                for _ in range(epochs):
                    self.net.predict(self.x[:samples], self.batch, verbose=0)

    def run_batches(self, steps: int) -> None:
        """Batch by batch: on TensorFlow an epoch costs fit and predict 50 to 500 ms beside its steps.
        On JAX fit is the faster way, since it need not store the state after each step."""
        for step in range(steps):
            begin = step % (len(self.x) // self.batch) * self.batch
            x = self.x[begin:begin + self.batch]
            if self.training:
                self.net.train_on_batch(x, self.y[begin:begin + self.batch])
            else:
                self.net.predict_on_batch(x)
