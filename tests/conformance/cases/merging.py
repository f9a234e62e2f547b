"""Layers of several inputs, and those of one number for each sample of data."""

import keras
from keras import layers as L

from harness import Case, case, chain, classes


def two(layer, **arguments):
    x = keras.Input((5,))
    return Case(keras.Model(x, L.Dense(2)(layer([L.Dense(4)(x), L.Dense(4)(x)]))), **arguments)


@case
def subtract():
    return two(L.Subtract())


@case
def multiply():
    return two(L.Multiply())


@case
def average():
    x = keras.Input((5,))
    return Case(keras.Model(x, L.Dense(2)(L.Average()([L.Dense(4)(x) for _ in range(3)]))))


@case
def maximum():
    return two(L.Maximum())


@case
def minimum():
    return two(L.Minimum())


@case
def squeeze_and_excite():
    x = keras.Input((4, 4, 6))
    y = L.Conv2D(6, 1)(x)
    gate = L.Dense(6, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(y))
    return Case(keras.Model(x, L.Dense(2)(L.Flatten()(L.Multiply()([y, gate])))))


@case
def add_broadcast():
    x = keras.Input((4, 3))
    row = L.Dense(3)(L.GlobalAveragePooling1D()(x))
    return Case(keras.Model(x, L.Dense(2)(L.Flatten()(L.Add()([L.Dense(3)(x), row])))))


@case
def dot():
    x = keras.Input((6,))
    return Case(keras.Model(x, L.Dense(2)(L.Dot(axes=1)([L.Dense(4)(x), L.Dense(4)(x)]))))


@case
def dot_of_matrices():
    x = keras.Input((5, 3))
    rows = L.Dot(axes=(1, 2))([L.Dense(4)(x), L.Permute((2, 1))(L.Dense(2)(x))])
    return Case(keras.Model(x, L.Dense(2)(L.Flatten()(rows))))


@case
def cosine_of_sequences():
    x = keras.Input((5, 3))
    angles = L.Dot(axes=-1, normalize=True)([L.Dense(4)(x), L.Dense(4)(x)])
    return Case(keras.Model(x, L.Dense(2)(L.Flatten()(angles))), optimizer=keras.optimizers.SGD(0.02))


@case
def rescaling():
    return Case(chain((4,), L.Rescaling(1 / 127.5, offset=-1), L.Dense(2)))


@case
def normalization():
    return Case(chain((4,), L.Normalization(mean=[0.5, -1.0, 2.0, 0.0],
                                            variance=[1.0, 0.25, 4.0, 2.0]), L.Dense(2)))


@case
def normalization_of_all():
    return Case(chain((4,), L.Normalization(axis=None, mean=0.5, variance=4.0), L.Dense(2)))


@case
def category_encoding_one_hot():
    return Case(chain((1,), L.CategoryEncoding(5, output_mode="one_hot"), L.Dense(2)),
                x=classes(5))


@case
def category_encoding_multi_hot():
    return Case(chain((3,), L.CategoryEncoding(5), L.Dense(2)), x=classes(5))


@case
def category_encoding_count():
    return Case(chain((3,), L.CategoryEncoding(5, output_mode="count"), L.Dense(2)), x=classes(5))


@case
def discretization():
    return Case(chain((3,), L.Discretization([-0.5, 0.0, 0.5], output_mode="multi_hot"), L.Dense(2)))


@case
def unit_normalization():
    return Case(chain((5,), L.Dense(4), L.UnitNormalization(), L.Dense(2)))


@case
def unit_normalization_of_steps():
    return Case(chain((5, 3), L.Dense(4), L.UnitNormalization(axis=1), L.Flatten(), L.Dense(2)))
