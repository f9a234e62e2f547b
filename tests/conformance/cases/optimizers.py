"""Optimizers with their arguments, clipping, averages, accumulation, and learning-rate schedules."""

import keras
from keras import layers as L
from keras.optimizers import schedules as S

from harness import Case, case, chain, one_hot


def small(optimizer, **arguments):
    return Case(
        chain((5,), L.Dense(6, activation="tanh"), L.Dense(3, activation="softmax")),
        optimizer=optimizer, loss="categorical_crossentropy", y=one_hot, **arguments)


# Keras takes 1 - beta_2^t in float32, where 0.999 is off by 1.3e-5 of 1 - 0.999.
FLOAT32_BETAS = {"tolerance": 3, "reason": "Keras takes 1 - beta_2^t in float32"}


@case
def adamax():
    return small(keras.optimizers.Adamax(0.01))


@case
def nadam():
    return small(keras.optimizers.Nadam(0.01), **FLOAT32_BETAS)


@case
def ftrl():
    return small(keras.optimizers.Ftrl(0.1))


@case
def ftrl_all_arguments():
    return small(keras.optimizers.Ftrl(
        0.1, learning_rate_power=-0.7, initial_accumulator_value=0.2, l1_regularization_strength=0.01,
        l2_regularization_strength=0.02, l2_shrinkage_regularization_strength=0.03, beta=0.1))


@case
def lion():
    return small(keras.optimizers.Lion(0.01, weight_decay=0.1))


@case
def adafactor():
    return small(keras.optimizers.Adafactor(0.1), tolerance=10,
                 reason="g / sqrt(v) is as large for a gradient of rounding as for any other")


@case
def adafactor_convolution():
    return Case(
        chain((5, 5, 2), L.Conv2D(3, 3), L.Flatten(), L.Dense(2)),
        optimizer=keras.optimizers.Adafactor(0.05, clip_threshold=0.5, weight_decay=0.01))


@case
def adamw():
    return small(keras.optimizers.AdamW(0.01, weight_decay=0.1), **FLOAT32_BETAS)


@case
def amsgrad():
    return small(keras.optimizers.Adam(0.01, amsgrad=True), **FLOAT32_BETAS)


@case
def rmsprop_all_arguments():
    return small(keras.optimizers.RMSprop(0.01, rho=0.8, momentum=0.7, centered=True, epsilon=1e-3))


@case
def sgd_nesterov_decay():
    return small(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01))


@case
def adadelta():
    return small(keras.optimizers.Adadelta(1.0))


@case
def adagrad():
    return small(keras.optimizers.Adagrad(0.1))


@case
def clipnorm():
    return small(keras.optimizers.SGD(0.5, clipnorm=0.1))


@case
def global_clipnorm():
    return small(keras.optimizers.SGD(0.5, clipnorm=None, global_clipnorm=0.1))


@case
def global_clipnorm_adafactor():
    return small(keras.optimizers.Adafactor(0.1, global_clipnorm=0.1))


@case
def clipvalue():
    return small(keras.optimizers.SGD(0.5, clipvalue=0.02))


@case
def moving_average():
    return small(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.7))


@case
def moving_average_overwrites():
    return small(keras.optimizers.SGD(0.5, momentum=0.9, use_ema=True, ema_momentum=0.8,
                                      ema_overwrite_frequency=3))


@case
def gradient_accumulation():
    return small(keras.optimizers.Adam(0.01, gradient_accumulation_steps=3, global_clipnorm=0.2),
                 **FLOAT32_BETAS)


@case
def gradient_accumulation_average():
    return small(keras.optimizers.SGD(
        S.InverseTimeDecay(0.5, 3, 0.5), use_ema=True, ema_momentum=0.6, ema_overwrite_frequency=2,
        gradient_accumulation_steps=2))


@case
def exponential_decay():
    return small(keras.optimizers.SGD(S.ExponentialDecay(0.5, 4, 0.7)))


@case
def exponential_decay_staircase():
    return small(keras.optimizers.SGD(S.ExponentialDecay(0.5, 4, 0.7, staircase=True)))


@case
def piecewise_constant_decay():
    return small(keras.optimizers.SGD(S.PiecewiseConstantDecay([3, 8], [0.5, 0.2, 0.05])))


@case
def polynomial_decay():
    return small(keras.optimizers.SGD(S.PolynomialDecay(0.5, 12, 0.01, power=1.5)))


@case
def polynomial_decay_cycle():
    return small(keras.optimizers.SGD(S.PolynomialDecay(0.5, 6, 0.01, cycle=True)))


@case
def inverse_time_decay():
    return small(keras.optimizers.SGD(S.InverseTimeDecay(0.5, 4, 0.5, staircase=True)))


@case
def cosine_decay():
    return small(keras.optimizers.SGD(S.CosineDecay(0.5, 15, alpha=0.1)))


@case
def cosine_decay_warmup():
    return small(keras.optimizers.SGD(S.CosineDecay(0.05, 10, warmup_target=0.5, warmup_steps=5)))


@case
def cosine_decay_restarts():
    return small(keras.optimizers.SGD(S.CosineDecayRestarts(0.5, 3.5, t_mul=1.5, m_mul=0.8, alpha=0.05)))


@case
def cosine_decay_restarts_even():
    return small(keras.optimizers.SGD(S.CosineDecayRestarts(0.5, 6.5, t_mul=1.0)))
