"""The layers, losses and optimizers of the first models."""

import keras
from keras import layers as L

from harness import Case, case, chain, classes, one_hot


@case
def dense():
    return Case(chain((5,), L.Dense(4, activation="tanh"), L.Dense(2)))


@case
def mlp_rmsprop():
    return Case(
        chain((7,), L.Dense(8, activation="relu"), L.Dense(3, activation="softmax")),
        optimizer=keras.optimizers.RMSprop(0.01), loss="categorical_crossentropy",
        metrics=["accuracy"], y=one_hot)


@case
def cnn_adam():
    return Case(
        chain((8, 8, 2), L.Conv2D(3, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(),
              L.Dense(3, activation="softmax")),
        optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy", y=one_hot)


@case
def batch_normalization():
    # A bias before it would have a gradient of zero, and of nothing but rounding.
    return Case(chain((6, 6, 2), L.Conv2D(3, 3, padding="same", strides=2, use_bias=False),
                      L.BatchNormalization(), L.ReLU(), L.GlobalAveragePooling2D(), L.Dense(2)))


@case
def branches():
    x = keras.Input((6, 6, 2))
    left = L.Conv2D(2, 3, padding="same")(x)
    right = L.AveragePooling2D(3, strides=1, padding="same")(x)
    joined = L.Concatenate()([L.Add()([left, right]), left])
    return Case(keras.Model(x, L.Dense(2)(L.Flatten()(joined))))
