#!/usr/bin/env python3
"""ONNX Runtime predicts from `pronghorn convert MODEL.keras MODEL.onnx` what Keras predicts:
onnx_runtime.py PRONGHORN FOLDER. Needs keras, onnx and onnxruntime."""

import pathlib
import subprocess
import sys

import keras
import numpy
import onnx
import onnxruntime
from keras import layers as L

BOUND = 1e-5


def convolutions():
    x = inputs = keras.Input((12, 12, 3))
    x = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = L.BatchNormalization()(x)
    x = L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x)
    x = L.ReLU(6.0)(x)
    y = L.Conv2D(8, 1, activation="silu")(x)
    x = L.Add()([x, y])
    x = L.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = L.Concatenate()([L.MaxPooling2D(3, strides=2, padding="same")(x),
                         L.AveragePooling2D(3, strides=2, padding="same")(x)])
    x = L.Conv2D(4, (2, 3), dilation_rate=(1, 2), activation="gelu")(L.LeakyReLU(0.1)(x))
    return keras.Model(inputs, L.Dense(3, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def rows():
    return keras.Sequential([
        keras.Input((6,)), L.Dense(8, activation="tanh"), L.BatchNormalization(),
        L.Reshape((2, 2, 2)), L.Activation("elu"), L.Flatten(), L.Dense(4, activation="mish"),
        L.Dense(2, activation="hard_sigmoid", use_bias=False)])


def main(program, folder):
    folder.mkdir(parents=True, exist_ok=True)
    worst = 0.0
    for build in (convolutions, rows):
        model = build()
        for weight in model.weights:
            values = numpy.random.default_rng(0).uniform(0.2, 1, weight.shape)
            if "variance" not in weight.path:
                values -= 0.6
            weight.assign(values)
        keras_file, onnx_file = folder / f"{build.__name__}.keras", folder / f"{build.__name__}.onnx"
        model.save(keras_file)
        subprocess.run([program, "convert", keras_file, onnx_file], check=True)
        onnx.checker.check_model(onnx.load(onnx_file), full_check=True)
        session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
        x = numpy.random.default_rng(1).normal(size=(5, *model.input_shape[1:])).astype("float32")
        given = session.run(None, {session.get_inputs()[0].name: x})[0]
        expected = model.predict(x, verbose=0)
        error = float(abs(given - expected).max() / abs(expected).max())
        print(f"{build.__name__}: {error:.1e}")
        worst = max(worst, error)
    return worst < BOUND


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1], pathlib.Path(sys.argv[2])) else 1)
