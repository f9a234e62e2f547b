"""What a case of conformance is made of, and how Keras runs it."""

import dataclasses
import io
import json
import pathlib
import zipfile

import keras
import numpy

CASES = {}
SAMPLES = 12
EVALUATION_BATCH = 5  # leaves a short last batch
STEPS = 20


@dataclasses.dataclass
class Case:
    model: keras.Model
    optimizer: object = None  # SGD(0.1) where none is given
    loss: object = "mse"
    metrics: object = None
    # How inputs and labels are drawn: a function of (generator, shape with the samples in front), one for
    # all or a list with one per input or output.
    x: object = None
    y: object = None
    # False: predictions only.
    train: bool = True
    tolerance: float = 1.0
    reason: str = ""
    # Further arguments of Model.compile.
    compile: dict = dataclasses.field(default_factory=dict)
    # How the weights of samples are drawn, one a sample: for all outputs, or a list with one per output.
    # evaluate and fit take them.
    sample_weight: object = None
    # fit takes it.
    class_weight: dict = None


def case(function):
    CASES[function.__name__] = function
    return function


def chain(input_shape, *layers):
    return keras.Sequential([keras.Input(input_shape), *layers])


def uniform(generator, shape):
    return generator.uniform(-1, 1, shape).astype("float32")


def classes(count):
    """Class numbers in [0, count): of labels (their last axis is 1 then), of an Embedding's input."""
    return lambda generator, shape: generator.integers(0, count, shape).astype("float32")


def class_rows(count):
    """Class numbers of rows: a last axis of labels like the outputs' is left out."""
    return lambda generator, shape: generator.integers(0, count, shape[:-1]).astype("float32")


def binary(generator, shape):
    return generator.integers(0, 2, shape).astype("float32")


def positive(generator, shape):
    return generator.uniform(0.1, 2, shape).astype("float32")


def one_hot(generator, shape):
    return numpy.eye(shape[-1], dtype="float32")[generator.integers(0, shape[-1], shape[:-1])]


def probabilities(generator, shape):
    drawn = generator.uniform(0.05, 1, shape).astype("float32")
    return drawn / drawn.sum(-1, keepdims=True)


def draw(how, generator, shapes, default):
    hows = how if isinstance(how, list) else [how or default] * len(shapes)
    return [h(generator, (SAMPLES, *shape)) for h, shape in zip(hows, shapes, strict=True)]


def one_or_list(values):
    return values[0] if len(values) == 1 else values


def run(name):
    """The members of the fixture of this name."""
    seed = sum(map(ord, name))
    keras.utils.set_random_seed(seed)
    generator = numpy.random.default_rng(seed)
    this = CASES[name]()
    model = this.model
    members = {}

    def add(kind, arrays):
        for i, array in enumerate(arrays):
            members[f"{kind}/{i}"] = numpy.asarray(array)

    x = draw(this.x, generator, [t.shape[1:] for t in model.inputs], uniform)
    y = draw(this.y, generator, [t.shape[1:] for t in model.outputs], uniform)
    # Zeros and ones, which many weights start with, would hide mistakes.
    for weight in model.weights:
        noise = generator.uniform(-0.1, 0.1, weight.shape).astype("float32")
        positive = "variance" in weight.path
        weight.assign(weight.numpy() + (abs(noise) if positive else noise))

    model.compile(optimizer=this.optimizer or keras.optimizers.SGD(0.1), loss=this.loss,
                  metrics=this.metrics, jit_compile=False, **this.compile)
    document = {
        "keras": keras.version(),
        "model": json.loads(model.to_json()),
        "weights": [w.path for w in model.weights],
        "tolerance": this.tolerance,
        "train": this.train,
        "evaluation_batch": EVALUATION_BATCH,
    }
    add("x", x)
    add("y", y)
    weights = None
    if this.sample_weight is not None:
        weights = draw(this.sample_weight, generator,
                       [()] * (len(y) if isinstance(this.sample_weight, list) else 1), positive)
        add("sample_weight", weights)
        weights = one_or_list(weights)
    if this.class_weight is not None:
        document["class_weight"] = {str(k): v for k, v in this.class_weight.items()}
    add("weights", [w.numpy() for w in model.weights])
    predictions = model.predict(one_or_list(x), batch_size=SAMPLES, verbose=0)
    add("predictions", predictions if isinstance(predictions, list) else [predictions])
    if this.train:
        both = (one_or_list(x), one_or_list(y))
        document["evaluated"] = model.evaluate(*both, batch_size=EVALUATION_BATCH, verbose=0,
                                               sample_weight=weights, return_dict=True)
        fit = lambda epochs: model.fit(*both, batch_size=SAMPLES, epochs=epochs, shuffle=False,
                                       sample_weight=weights, class_weight=this.class_weight,
                                       verbose=0).history
        first = fit(1)
        add("after_1", [w.numpy() for w in model.weights])
        rest = fit(STEPS - 1)
        add("after_20", [w.numpy() for w in model.weights])
        document["history"] = {k: first[k] + rest[k] for k in first}
    members["case"] = numpy.frombuffer(json.dumps(document).encode(), numpy.uint8)
    return members


def write(path: pathlib.Path, members):
    """As numpy.savez_compressed, but the same members always give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in members.items():
            data = io.BytesIO()
            numpy.lib.format.write_array(data, numpy.ascontiguousarray(array))
            info = zipfile.ZipInfo(name + ".npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data.getvalue())
