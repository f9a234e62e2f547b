#!/usr/bin/env python3
"""Writes zoo/*.json and the JSON and summaries in tests/formats/samples with Keras itself.

    pip install keras jax numpy && KERAS_BACKEND=jax COLUMNS=200 tests/parity/make_model_fixtures.py

Written by Keras 3.15.1. The zoo's files are Keras's but for two things: arguments that older
versions of Keras 3 don't know and that are null are left out, and so is jit_compile, which says
something of the machine that wrote the file.
"""

import json
import pathlib

import keras
from keras import layers as L

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests/formats/samples"
ZOO = ROOT / "zoo"
NEW_AND_NULL = {"input_axes", "output_axes", "quantization_config", "optional"}


def write(path, model, indent=None):
    path.write_text(json.dumps(json.loads(model.to_json()), indent=indent) + "\n")


def write_summary(path, model, width):
    lines = []
    model.summary(line_length=width, print_fn=lambda line: lines.append(line))
    path.write_text("\n".join(lines).rstrip() + "\n")


def tidy(value):
    if isinstance(value, dict):
        return {k: tidy(v) for k, v in value.items() if k not in NEW_AND_NULL}
    if isinstance(value, list):
        return [tidy(v) for v in value]
    # Learning rates are printed as doubles of float32 values.
    return round(value, 7) if isinstance(value, float) else value


def zoo():
    mlp = lambda: [
        keras.Input((784,)),
        L.Dense(512, activation="relu"),
        L.Dropout(0.2),
        L.Dense(512, activation="relu"),
        L.Dropout(0.2),
        L.Dense(10, activation="softmax"),
    ]

    def cnn(filters_1, filters_2, head):
        return [
            keras.Input((28, 28, 1)),
            L.Conv2D(filters_1, (3, 3), activation="relu"),
            L.Conv2D(filters_2, (3, 3), activation="relu"),
            L.MaxPooling2D((2, 2)),
            L.Dropout(0.25),
            L.Flatten(),
            *(make() for make in head),
            L.Dense(10, activation="softmax"),
        ]

    yield "mnist-mlp", mlp, keras.optimizers.RMSprop
    yield "mnist-cnn-4", lambda: cnn(4, 4, []), keras.optimizers.RMSprop
    yield "mnist-cnn", lambda: cnn(32, 64, []), keras.optimizers.RMSprop
    # Adadelta's default was 1.0 when the example was written.
    head = [lambda: L.Dense(128, activation="relu"), lambda: L.Dropout(0.5)]
    yield "mnist-cnn-128", lambda: cnn(32, 64, head), lambda: keras.optimizers.Adadelta(1.0)


def write_zoo():
    for name, make_layers, optimizer in zoo():
        keras.utils.clear_session()
        model = keras.Sequential(make_layers(), name=name.replace("-", "_"))
        model.compile(optimizer(), "categorical_crossentropy", metrics=["accuracy"])
        config = tidy(json.loads(model.to_json()))
        del config["compile_config"]["jit_compile"]
        (ZOO / f"{name}.json").write_text(json.dumps(config, indent=1) + "\n")
        write_summary(SAMPLES / f"{name}.summary.txt", model, 88)


def all_layers():
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        L.Conv2D(8, (3, 2), strides=2, padding="same", use_bias=False,
                 kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=3)),
        L.BatchNormalization(scale=False, momentum=0.9),
        L.Activation("swish"),
        L.Conv2D(8, 3, dilation_rate=2, activation="gelu", kernel_initializer="he_normal",
                 bias_initializer=keras.initializers.Constant(0.1)),
        L.AveragePooling2D(2, strides=1, padding="same"),
        L.ReLU(negative_slope=0.1),
        L.LeakyReLU(),
        L.ELU(0.5),
        L.MaxPooling2D(2),
        L.Softmax(),
        L.Reshape((-1, 8)),
        L.Dense(6, activation="tanh"),
        L.Dropout(0.5, seed=7),
        L.Reshape((1, -1, 6)),
        L.GlobalAveragePooling2D(keepdims=True),
        L.Flatten(),
        L.Dense(3, activation="softmax", kernel_initializer="random_normal", name="probabilities"),
    ], name="all_layers")


def branching():
    image = keras.Input((8, 8, 3), name="image")
    x = L.Conv2D(4, 3, padding="same")(image)
    y = L.BatchNormalization()(x)
    y = L.Activation("relu")(y)
    z = L.Concatenate()([L.Add()([x, y]), image])
    z = L.Conv2D(2, 1)(z)
    return keras.Model(image, L.Dense(3)(L.Flatten()(z)), name="branching")


def shared():
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    tower = L.Dense(4, activation="relu", name="tower")
    both = L.Concatenate(name="both")([tower(left), tower(right)])
    deep = tower(L.Dense(6, name="back")(both))
    return keras.Model([left, right], [L.Dense(2, name="first")(deep), L.Dense(1, name="second")(both)],
                       name="shared")


def chain():
    x = keras.Input((5,))
    return keras.Model(x, L.Dense(2)(L.Dense(3)(x)), name="chain")


def main():
    SAMPLES.mkdir(parents=True, exist_ok=True)
    write_zoo()
    for make in (all_layers, branching, shared, chain):
        keras.utils.clear_session()
        model = make()
        name = model.name
        write(SAMPLES / f"{name}.json", model)
        write_summary(SAMPLES / f"{name}.summary.txt", model, 88 if name in ("all_layers", "chain") else 108)
    # A narrow terminal's.
    keras.utils.clear_session()
    write_summary(SAMPLES / "branching.narrow.summary.txt", branching(), 76)
    keras.utils.clear_session()
    write_summary(SAMPLES / "all_layers.narrow.summary.txt", all_layers(), 60)


main()
