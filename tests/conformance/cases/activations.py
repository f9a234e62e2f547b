"""Every activation by name, and the layers that are one."""

from keras import layers as L

from harness import CASES, Case, case, chain

NAMES = """celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu
           log_sigmoid log_softmax mish relu6 selu silu soft_shrink softplus softsign sparse_plus
           sparse_sigmoid squareplus tanh tanh_shrink""".split()


def by_name(name):
    # Into what is flat, and beyond the bounds of relu6.
    reach = 1.0 if name == "exponential" else 4.0
    return lambda: Case(chain((5,), L.Dense(8), L.Rescaling(reach), L.Activation(name),
                              L.Rescaling(0.1), L.Dense(2)))


for name in NAMES:
    CASES[f"activation_{name}"] = by_name(name)


def layer(one, shape=(5,)):
    return Case(chain(shape, L.Dense(6), L.Rescaling(3.0), one, L.Flatten(), L.Dense(2)))


@case
def relu_bounded():
    return layer(L.ReLU(max_value=1.5))


@case
def relu_with_all_arguments():
    return layer(L.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5))


@case
def leaky_relu_layer():
    return layer(L.LeakyReLU(negative_slope=0.4))


@case
def elu_layer():
    return layer(L.ELU(alpha=0.5))


@case
def prelu():
    return layer(L.PReLU())


@case
def prelu_shared():
    return layer(L.PReLU(shared_axes=[1]), (4, 5))


@case
def softmax_of_steps():
    return layer(L.Softmax(axis=1), (4, 5))
