"""What all sides run: models, initial weights, data. Needs numpy only.

A model is a list of layers, which each peer builds in its own way; bench/models.cc and zoo/ hold the
same models for Pronghorn. That they are the same is checked: parameter counts, and predictions from
equal weights.
"""

import dataclasses
import gzip
import math
import pathlib

import numpy as np

CLASSES = 10
# Batches that training goes round: few enough to generate in no time, too many to be learnt by heart
# in a warm-up.
BATCHES = 8


@dataclasses.dataclass(frozen=True)
class Conv:
    filters: int
    size: int = 3
    strides: int = 1
    same: bool = False
    relu: bool = True
    bias: bool = True


@dataclasses.dataclass(frozen=True)
class Dense:
    units: int
    relu: bool = True


@dataclasses.dataclass(frozen=True)
class Dropout:
    rate: float


@dataclasses.dataclass(frozen=True)
class MaxPool:
    """2x2, stride 2."""


@dataclasses.dataclass(frozen=True)
class AveragePool:
    """Over the whole image."""


@dataclasses.dataclass(frozen=True)
class Flatten:
    pass


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    relu: bool = True


@dataclasses.dataclass(frozen=True)
class Residual:
    """relu(main(x) + shortcut(x)); an empty shortcut is x itself."""

    main: tuple
    shortcut: tuple = ()


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """Keras 3's defaults, but Adadelta's learning rate: 1, as in the zoo and in its paper."""

    name: str
    learning_rate: float
    rho: float
    epsilon: float = 1e-7


@dataclasses.dataclass(frozen=True)
class Model:
    input_shape: tuple
    # The last is Dense(CLASSES, relu=False): logits; softmax and loss are the training's.
    layers: tuple
    optimizer: Optimizer = Optimizer("rmsprop", 0.001, 0.9)

    @property
    def has_images(self) -> bool:
        return len(self.input_shape) == 3


def _mnist_cnn(filters: tuple, tail: tuple = (), **keywords) -> Model:
    layers = (Conv(filters[0]), Conv(filters[1]), MaxPool(), Dropout(0.25), Flatten(), *tail,
              Dense(CLASSES, relu=False))
    return Model((28, 28, 1), layers, **keywords)


def _vgg_like() -> Model:
    layers = []
    for filters in (32, 64, 128):
        layers += [Conv(filters, same=True), Conv(filters, same=True), MaxPool()]
    layers += [Flatten(), Dense(128), Dropout(0.5), Dense(CLASSES, relu=False)]
    return Model((32, 32, 3), tuple(layers))


def _normalized(filters: int, size: int, strides: int, relu: bool) -> tuple:
    conv = Conv(filters, size, strides, same=size > 1, relu=False, bias=False)
    return (conv, BatchNorm(relu))


def _resnet20() -> Model:
    layers = [*_normalized(16, 3, 1, relu=True)]
    for filters in (16, 32, 64):
        for i in range(3):
            strides = 2 if filters > 16 and i == 0 else 1
            main = (*_normalized(filters, 3, strides, relu=True),
                    *_normalized(filters, 3, 1, relu=False))
            shortcut = _normalized(filters, 1, strides, relu=False) if strides > 1 else ()
            layers.append(Residual(main, shortcut))
    return Model((32, 32, 3), (*layers, AveragePool(), Flatten(), Dense(CLASSES, relu=False)))


MODELS = {
    "mnist-mlp": Model((784,), (Dense(512), Dropout(0.2), Dense(512), Dropout(0.2),
                                Dense(CLASSES, relu=False))),
    "mnist-cnn": _mnist_cnn((32, 64)),
    "mnist-cnn-4": _mnist_cnn((4, 4)),
    "mnist-cnn-128": _mnist_cnn((32, 64), (Dense(128), Dropout(0.5)),
                                optimizer=Optimizer("adadelta", 1.0, 0.95)),
    "vgg-like": _vgg_like(),
    "resnet-20": _resnet20(),
    "mlp-4x1024": Model((784,), (*[Dense(1024)] * 4, Dense(CLASSES, relu=False))),
}


def _mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64, as in peer_worker.cc."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Kernels:
    """Initial kernels, Glorot uniform, in Keras's layout. Equal on all sides, since a kernel depends
    on its shape and on how many of that shape were asked for before (peer_worker.cc)."""

    def __init__(self):
        self._seen = {}

    def draw(self, shape: tuple) -> np.ndarray:
        size = math.prod(shape)
        limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
        number = self._seen.get(shape, 0)
        self._seen[shape] = number + 1
        seed = _mix(np.array([size * 1024 + number], np.uint64))
        uniform = (_mix(seed + np.arange(size, dtype=np.uint64)) >> np.uint64(40)) / (1 << 24)
        return (limit * (2 * uniform - 1)).astype(np.float32).reshape(shape)


def _idx(path: pathlib.Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def make_data(kind: str, input_shape: tuple, batch: int, root: pathlib.Path) -> tuple:
    """x and class numbers y, BATCHES batches.

    "digits": the first of MNIST's digits. "random": half noise, so that no pixel is background and
    none is like another, half a pattern of the image's class in tiles of 4x4 pixels, so that there
    is something to learn.
    """
    samples = BATCHES * batch
    if kind == "digits":
        folder = root / "data/mnist10k"
        x = _idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:samples] / 255
        y = _idx(folder / "train-labels-idx1-ubyte.gz", 8)[:samples]
    else:
        random = np.random.default_rng(1)
        height, width, channels = input_shape if len(input_shape) == 3 else (28, 28, 1)
        y = random.integers(0, CLASSES, samples)
        tiles = random.random((CLASSES, height // 4, width // 4, channels), np.float32)
        patterns = tiles.repeat(4, axis=1).repeat(4, axis=2)
        noise = random.random((samples, height, width, channels), np.float32)
        x = 0.5 * noise + 0.5 * patterns[y]
    return x.astype(np.float32).reshape(-1, *input_shape), y.astype(np.float32)
