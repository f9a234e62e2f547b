#!/usr/bin/env python3
"""Whole models travel from Keras to Pronghorn and back: journeys.py PRONGHORN FOLDER [MODEL...]

For each model Keras writes a compiled .keras file and
  1. `pronghorn predict` gives what Keras predicts;
  2. `pronghorn train --out` trains it, and Keras loads the result and predicts the same from it as
     Pronghorn does;
  3. 20 further steps from that file, optimizer state included, end alike on either side. Pronghorn
     trains with --exact: Winograd's rounding, some tenfold larger, would part the trainings sooner
     where a relu's input passes zero.
"""

import json
import pathlib
import subprocess
import sys
import zlib

import keras
import numpy
from keras import layers as L

MODELS = {}
SAMPLES = 24
PREDICTION_BOUND = 1e-5
TRAINING_BOUND = 1e-4


def model(optimizer="adam", classes=None):
    """`classes`: inputs are class numbers below it."""

    def register(build):
        MODELS[build.__name__] = (build, optimizer, classes)
        return build

    return register


def zoo(name):
    root = pathlib.Path(__file__).resolve().parents[2] / "zoo"
    text = json.loads((root / f"{name}.json").read_text())
    text.pop("compile_config", None)
    built = keras.models.model_from_json(json.dumps(text))
    # Dropout draws from another generator here than there.
    for layer in built.layers:
        if isinstance(layer, L.Dropout):
            layer.rate = 0.0
    return built


@model("rmsprop")
def mnist_mlp():
    return zoo("mnist-mlp")


# Adadelta's first steps are by the gradients' signs: those that are nearly zero part any two programs.
@model(keras.optimizers.SGD(0.01))
def mnist_cnn():
    return zoo("mnist-cnn")


@model("sgd")
def mnist_cnn_4():
    return zoo("mnist-cnn-4")


@model(keras.optimizers.SGD(0.05, momentum=0.9))
def lenet_5():
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        L.Conv2D(6, 5, padding="same", activation="tanh"),
        L.AveragePooling2D(2),
        L.Conv2D(16, 5, activation="tanh"),
        L.AveragePooling2D(2),
        L.Flatten(),
        L.Dense(120, activation="tanh"),
        L.Dense(84, activation="tanh"),
        L.Dense(10, activation="softmax"),
    ])


@model(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True))
def vgg_like():
    blocks = []
    for filters in (16, 32):
        for _ in range(2):
            blocks.append(L.Conv2D(filters, 3, padding="same", activation="relu"))
        blocks.append(L.MaxPooling2D())
    return keras.Sequential([keras.Input((16, 16, 3)), *blocks, L.Flatten(),
                             L.Dense(32, activation="relu"), L.Dense(10, activation="softmax")])


# A relu whose input passes zero a step earlier here than there parts the two trainings; at this
# rate by less than the bound.
@model(keras.optimizers.SGD(0.0001))
def resnet_20():
    def unit(x, filters, strides=1):
        y = L.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        y = L.ReLU()(L.BatchNormalization()(y))
        y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same", use_bias=False)(y))
        if strides != 1:
            x = L.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        return L.ReLU()(L.Add()([x, y]))

    inputs = keras.Input((16, 16, 3))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 3, padding="same", use_bias=False)(inputs)))
    for stage, filters in enumerate((8, 16, 32)):
        for number in range(3):
            x = unit(x, filters, 2 if stage > 0 and number == 0 else 1)
    return keras.Model(inputs, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x)))


@model(keras.optimizers.SGD(0.05))
def inception_block():
    def convolution(x, filters, size):
        return L.Conv2D(filters, size, padding="same", activation="relu")(x)

    inputs = keras.Input((12, 12, 3))
    x = convolution(inputs, 8, 3)
    x = L.Concatenate()([
        convolution(x, 4, 1),
        convolution(convolution(x, 4, 1), 6, 3),
        convolution(convolution(x, 2, 1), 4, 5),
        convolution(L.MaxPooling2D(3, strides=1, padding="same")(x), 4, 1),
    ])
    return keras.Model(inputs, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x)))


@model(keras.optimizers.RMSprop(0.001))
def mobilenet_like():
    x = inputs = keras.Input((16, 16, 3))
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = L.ReLU(6.0)(L.BatchNormalization()(x))
    for filters, strides in ((16, 1), (24, 2)):
        x = L.ZeroPadding2D()(x)
        x = L.DepthwiseConv2D(3, strides=strides, use_bias=False)(x)
        x = L.ReLU(6.0)(L.BatchNormalization()(x))
        x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(x)))
    x = L.SeparableConv2D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x)))


@model()
def lstm_classifier():
    return keras.Sequential([keras.Input((9, 5)), L.Bidirectional(L.LSTM(8, return_sequences=True)),
                             L.LSTM(8), L.Dense(10, activation="softmax")])


@model(classes=40)
def text_cnn():
    x = inputs = keras.Input((20,))
    x = L.Embedding(40, 12)(x)
    branches = [L.GlobalMaxPooling1D()(L.Conv1D(6, size, activation="relu")(x)) for size in (3, 4, 5)]
    return keras.Model(inputs, L.Dense(10, activation="softmax")(L.Concatenate()(branches)))


# Attention's key bias changes nothing; Adam would make steps of its gradient's rounding. A higher rate
# lets the biases before the normalization of small embeddings swing, and rounding with them.
@model(keras.optimizers.SGD(0.001), classes=40)
def transformer_encoder():
    x = inputs = keras.Input((10,))
    x = L.Embedding(40, 16)(x)
    x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 8)(x, x)]))
    y = L.Dense(16)(L.Dense(32, activation="gelu")(x))
    x = L.LayerNormalization()(L.Add()([x, y]))
    return keras.Model(inputs, L.Dense(10, activation="softmax")(L.GlobalAveragePooling1D()(x)))


@model()
def two_inputs_two_outputs():
    image = keras.Input((10, 10, 1), name="image")
    table = keras.Input((6,), name="table")
    x = L.Flatten()(L.MaxPooling2D()(L.Conv2D(4, 3, activation="relu")(image)))
    gated = L.Multiply()([L.Dense(8)(table), L.Dense(8, activation="sigmoid")(table)])
    x = L.Concatenate()([x, gated])
    return keras.Model([image, table], {
        "kind": L.Dense(10, activation="softmax", name="kind")(x),
        "size": L.Dense(1, name="size")(x),
    })


class Failed(Exception):
    pass


def expect_close(what, ours, keras_s, bound):
    error = numpy.abs(ours - keras_s).max() / max(numpy.abs(keras_s).max(), 1e-2)
    if not error <= bound:
        raise Failed(f"{what}: relative error {error:.1e}, bound {bound:.0e}")
    return error


def pronghorn(program, *words):
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"pronghorn {words[0]}: {done.stderr.strip()}")


class Journey:
    def __init__(self, name, program, folder):
        build, optimizer, classes = MODELS[name]
        self.program = program
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        seed = zlib.crc32(name.encode())
        keras.utils.set_random_seed(seed)
        generator = numpy.random.default_rng(seed)
        self.model = build()
        self.several = len(self.model.inputs) > 1
        shapes = [(SAMPLES, *t.shape[1:]) for t in self.model.inputs]
        draw = ((lambda s: generator.integers(0, classes, s)) if classes else
                (lambda s: generator.uniform(0, 1, s)))
        x = [draw(s).astype("float32") for s in shapes]
        numbers = generator.integers(0, 10, SAMPLES).astype("float32")
        if self.several:
            self.x = dict(zip([t.name for t in self.model.inputs], x))
            self.y = {"kind": numbers, "size": x[1][:, :1] * 2}
            loss = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
        else:
            self.x, self.y, loss = x[0], numbers, "sparse_categorical_crossentropy"
        self.model.compile(optimizer, loss=loss, jit_compile=False)
        self.data = self.folder / "data.npz"
        arrays = {**self.x, **self.y} if self.several else {"x": self.x, "y": self.y}
        numpy.savez(self.data, **arrays)

    def predictions(self, file):
        """Pronghorn's, of a .keras file."""
        out = self.folder / "p.npy"
        pronghorn(self.program, "predict", file, "--data", self.data, "--out", out)
        if not self.several:
            return {"": numpy.load(out)}
        return {name: numpy.load(self.folder / f"p.{name}.npy") for name in self.model.output_names}

    def compare_predictions(self, what, file, model):
        predicted = model.predict(self.x, batch_size=SAMPLES, verbose=0)
        theirs = predicted if self.several else {"": predicted}
        ours = self.predictions(file)
        return max(expect_close(f"{what} {k}", ours[k], theirs[k], PREDICTION_BOUND) for k in theirs)

    def train(self, file, out, steps):
        pronghorn(self.program, "train", file, "--data", self.data, "--epochs", steps, "--batch-size",
                  SAMPLES, "--no-shuffle", "--quiet", "--exact", "--out", out)

    def run(self):
        start, trained, further = (self.folder / f"{n}.keras" for n in ("start", "trained", "further"))
        self.model.save(start)
        before = self.compare_predictions("predictions before training", start, self.model)
        self.train(start, trained, 3)
        loaded = keras.models.load_model(trained)
        after = self.compare_predictions("predictions of the trained file", trained, loaded)
        self.train(trained, further, 20)
        loaded.fit(self.x, self.y, batch_size=SAMPLES, epochs=20, shuffle=False, verbose=0)
        ours = keras.models.load_model(further)
        if int(ours.optimizer.iterations) != 23:
            raise Failed(f"the file says {int(ours.optimizer.iterations)} iterations after 23 steps")
        largest = 0
        for here, there in zip(ours.weights, loaded.weights, strict=True):
            largest = max(largest, expect_close(f"{here.path} after 20 further steps", here.numpy(),
                                                there.numpy(), TRAINING_BOUND))
        return before, after, largest


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    names = sys.argv[3:] or list(MODELS)
    failed = []
    print(f"{'':24} before training    trained    20 further steps (largest relative errors)")
    for name in names:
        try:
            print("{:24} {:15.1e} {:10.1e} {:12.1e}".format(
                name, *Journey(name, program, folder).run()), flush=True)
        except Failed as failure:
            failed.append(name)
            print(f"{name:24} FAILED: {failure}", flush=True)
    if failed:
        sys.exit(f"{len(failed)} of {len(names)} models differ")


main()
