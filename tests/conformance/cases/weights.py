"""What acts on weights: regularizers, constraints, trainable or not."""

import keras
from keras import constraints as C
from keras import layers as L
from keras import regularizers as R

from harness import Case, case, chain


@case
def regularizers():
    return Case(chain(
        (5, 5, 2),
        L.Conv2D(3, 3, activation="relu", kernel_regularizer=R.L2(0.1), bias_regularizer="l1"),
        L.BatchNormalization(gamma_regularizer=R.L1(0.02), beta_regularizer=R.L2(0.03)),
        L.Flatten(),
        L.Dense(4, kernel_regularizer=R.L1(0.01), bias_regularizer=R.L1L2(0.01, 0.01)),
        L.Dense(2, kernel_regularizer=R.L1L2(l1=0.01, l2=0.02))), metrics=["mae"])


@case
def activity_regularizers():
    return Case(chain(
        (6,),
        L.Dense(5, activation="tanh", activity_regularizer=R.L2(0.3)),
        L.ActivityRegularization(l1=0.1, l2=0.2),
        L.Dense(3, activity_regularizer="l1"),
        L.Dense(2)))


@case
def regularized_clipped():
    return Case(
        chain((6,), L.Dense(5, kernel_regularizer="l2"), L.Dense(2, kernel_regularizer=R.L1(0.5))),
        optimizer=keras.optimizers.SGD(0.1, clipnorm=0.3))


@case
def constraint_max_norm():
    return Case(chain(
        (6, 6, 2),
        L.Conv2D(3, 3, kernel_constraint=C.MaxNorm(0.4, axis=[0, 1, 2]), bias_constraint=C.NonNeg()),
        L.Flatten(),
        L.Dense(4, kernel_constraint=C.MaxNorm(0.7), bias_constraint="max_norm"),
        L.Dense(2, kernel_constraint=C.MaxNorm(0.5, axis=1))))


@case
def constraints_of_norms():
    return Case(
        chain((6,), L.Dense(5, activation="tanh", kernel_constraint=C.UnitNorm(),
                          bias_constraint=C.UnitNorm()),
              L.Dense(4, use_bias=False, kernel_constraint=C.MinMaxNorm(0.9, 1.1, rate=0.5)),
              L.BatchNormalization(gamma_constraint=C.NonNeg()),
              L.Dense(3, kernel_constraint=C.UnitNorm(axis=-1)),
              L.Dense(2, kernel_constraint=C.UnitNorm(axis=[0, 1]))),
        optimizer=keras.optimizers.Adam(0.01), tolerance=3,
        reason="Keras takes 1 - beta_2^t in float32")


@case
def frozen_layers():
    return Case(chain(
        (5, 5, 2),
        L.Conv2D(3, 3, trainable=False, kernel_regularizer="l2"),
        L.BatchNormalization(trainable=False),
        L.Conv2D(2, 3, activation="relu"),
        L.BatchNormalization(),
        L.Flatten(),
        L.Dense(4, trainable=False),
        L.Dense(2)))


@case
def shared_layer():
    x = keras.Input((4,))
    # Without a penalty on its activity: Keras 3.15 on JAX loses that of the first call in fit.
    shared = L.Dense(4, activation="tanh", kernel_regularizer="l2")
    once = shared(x)
    twice = shared(once)
    return Case(keras.Model(x, L.Dense(2)(L.Add()([twice, once]))))


@case
def nested_models():
    inner_x = keras.Input((5, 5, 2))
    y = L.Conv2D(3, 3, activation="relu")(inner_x)
    inner = keras.Model(inner_x, L.GlobalAveragePooling2D()(L.BatchNormalization()(y)), name="inner")
    head = keras.Sequential([keras.Input((3,)), L.Dense(4, kernel_regularizer="l2"), L.Dense(2)],
                            name="head")
    x = keras.Input((5, 5, 2))
    return Case(keras.Model(x, head(L.Add()([inner(x), inner(L.ReLU()(x))]))))


@case
def frozen_nested_model():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4), L.BatchNormalization()], name="inner")
    inner.trainable = False
    return Case(chain((4,), L.Dense(4), inner, L.Dense(2)))
