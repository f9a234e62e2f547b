"""Layers that move, pool, pad and repeat elements."""

import keras
from keras import layers as L

from harness import Case, case, chain


def image(*layers, shape=(6, 5, 3)):
    return Case(chain(shape, L.Conv2D(shape[-1], 1), *layers, L.Flatten(), L.Dense(2)))


def series(*layers, shape=(7, 3)):
    return Case(chain(shape, L.Dense(shape[-1]), *layers, L.Flatten(), L.Dense(2)))


@case
def zero_padding2d():
    return image(L.ZeroPadding2D(((1, 2), (0, 3))))


@case
def zero_padding1d():
    return series(L.ZeroPadding1D((2, 1)))


@case
def cropping2d():
    return image(L.Cropping2D(((1, 2), (0, 1))))


@case
def cropping1d():
    return series(L.Cropping1D((2, 1)))


@case
def up_sampling2d():
    return image(L.UpSampling2D((2, 3)), shape=(3, 2, 3))


@case
def up_sampling2d_bilinear():
    return image(L.UpSampling2D((3, 2), interpolation="bilinear"), shape=(3, 2, 3))


@case
def up_sampling1d():
    return series(L.UpSampling1D(2))


@case
def max_pooling1d():
    return series(L.MaxPooling1D(3, strides=2, padding="same"))


@case
def average_pooling1d():
    return series(L.AveragePooling1D(3, strides=2, padding="same"))


@case
def global_max_pooling2d():
    return image(L.GlobalMaxPooling2D(keepdims=True))


@case
def global_max_pooling1d():
    return series(L.GlobalMaxPooling1D())


@case
def global_average_pooling1d():
    return series(L.GlobalAveragePooling1D(keepdims=True))


@case
def permute():
    return image(L.Permute((3, 1, 2)))


@case
def repeat_vector():
    return Case(chain((4,), L.Dense(3), L.RepeatVector(3), L.Dense(2), L.Flatten(), L.Dense(2)))


@case
def flatten_channels_first():
    return Case(chain((3, 4, 2), L.Flatten(data_format="channels_first"), L.Dense(2)))


@case
def identity():
    return Case(chain((4,), L.Dense(3), L.Identity(), L.Dense(2)))
