"""Convolutions of every kind, of images and of series."""

import keras
from keras import layers as L

from harness import Case, case, chain


def image(layer, shape=(7, 6, 4), **arguments):
    """Trained through a layer before it, so that its gradient to the data counts too."""
    return Case(chain(shape, L.Conv2D(shape[-1], 1), layer, L.Flatten(), L.Dense(2)), **arguments)


def series(layer, shape=(9, 4)):
    return Case(chain(shape, L.Dense(shape[-1]), layer, L.Flatten(), L.Dense(2)))


@case
def conv2d_groups():
    return image(L.Conv2D(6, (3, 2), groups=2, padding="same", activation="relu"))


@case
def conv2d_dilation():
    return image(L.Conv2D(3, 2, dilation_rate=(2, 3)))


@case
def conv2d_channels_first():
    # On JAX's CPU, channels first works.
    return Case(chain((2, 6, 5), L.Conv2D(3, 3, data_format="channels_first", padding="same"),
                      L.MaxPooling2D(2, data_format="channels_first"),
                      L.GlobalAveragePooling2D(data_format="channels_first"), L.Dense(2)))


@case
def conv1d():
    return series(L.Conv1D(3, 3, strides=2, padding="same", activation="tanh"))


@case
def conv1d_causal():
    return series(L.Conv1D(3, 3, dilation_rate=2, padding="causal"))


@case
def depthwise_conv2d():
    return image(L.DepthwiseConv2D(3, padding="same", activation="relu"), (7, 6, 8))


@case
def depthwise_conv2d_multiplier():
    return image(L.DepthwiseConv2D((3, 2), strides=2, depth_multiplier=3, use_bias=False))


@case
def depthwise_conv2d_dilation():
    return image(L.DepthwiseConv2D(2, dilation_rate=2, padding="same"))


@case
def depthwise_conv1d():
    return series(L.DepthwiseConv1D(3, depth_multiplier=2))


@case
def separable_conv2d():
    return image(L.SeparableConv2D(5, 3, padding="same", depth_multiplier=2, activation="relu"))


@case
def separable_conv1d():
    return series(L.SeparableConv1D(5, 3, strides=2, padding="same"))


@case
def conv2d_transpose():
    return image(L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"), (4, 3, 4))


@case
def conv2d_transpose_valid():
    return image(L.Conv2DTranspose(3, (2, 3), strides=(3, 2)), (3, 2, 4))


@case
def conv2d_transpose_output_padding():
    return image(L.Conv2DTranspose(2, 4, strides=3, padding="same", output_padding=(2, 1)),
                 (3, 2, 4))


@case
def conv2d_transpose_output_padding_valid():
    return image(L.Conv2DTranspose(2, 2, strides=2, output_padding=1), (3, 2, 4))


@case
def conv2d_transpose_dilation():
    return image(L.Conv2DTranspose(2, 2, dilation_rate=2, padding="same"), (4, 3, 4))


@case
def conv1d_transpose():
    return series(L.Conv1DTranspose(3, 3, strides=2, padding="same"), (5, 4))


@case
def mobile_block():
    x = keras.Input((8, 8, 4))
    y = L.Conv2D(8, 1, use_bias=False)(x)
    y = L.ReLU(6.0)(y)
    y = L.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = L.DepthwiseConv2D(3, strides=2, use_bias=False)(y)
    y = L.ReLU(6.0)(y)
    return Case(keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(y))))
