#!/usr/bin/env python3
"""Files as Keras 1.2.2 and 2.0.2 wrote them in 2017: make_legacy_files.py FOLDER.

Those versions install nowhere any more, so h5py writes what their code wrote (keras/models.py and
keras/engine/topology.py at those tags), and NumPy computes what their backends computed: Theano's
convolution is a true one, its images are (channels, height, width). Each .npz holds the inputs x in
Pronghorn's order (height, width, channels) and the predictions.
"""

import json
import pathlib
import sys

import h5py
import numpy as np

random = np.random.default_rng(3)


def draw(*shape):
    return random.normal(size=shape).astype("float32")


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def convolve(image, kernel, turn):
    """image (c, h, w), kernel (out, in, kh, kw); `turn`: a true convolution."""
    if turn:
        kernel = kernel[:, :, ::-1, ::-1]
    kh, kw = kernel.shape[2:]
    height, width = image.shape[1] - kh + 1, image.shape[2] - kw + 1
    return np.array([[[np.sum(image[:, y:y + kh, x:x + kw] * k) for x in range(width)]
                      for y in range(height)] for k in kernel])


def pool(image):
    c, h, w = image.shape
    return image.reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4))


def network(x, kernel, bias, w1, b1, w2, b2, turn, channels_first):
    rows = []
    for image in x:
        image = relu(convolve(image.transpose(2, 0, 1), kernel, turn) + bias[:, None, None])
        image = pool(image)
        rows.append((image if channels_first else image.transpose(1, 2, 0)).ravel())
    hidden = relu(np.array(rows) @ w1 + b1)
    return softmax(hidden @ w2 + b2).astype("float32")


def write(path, config, training, layers, attributes, optimizer=()):
    """As h5py of 2017: attributes and names of fixed length."""
    with h5py.File(path, "w") as file:
        for key, value in attributes.items():
            file.attrs[key] = np.bytes_(value)
        file.attrs["model_config"] = np.bytes_(json.dumps(config))
        file.attrs["training_config"] = np.bytes_(json.dumps(training))
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = np.array([name.encode() for name, _ in layers])
        for key, value in attributes.items():
            root.attrs[key] = np.bytes_(value)
        for name, weights in layers:
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([n.encode() for n, _ in weights])
            for weight, values in weights:
                group[weight] = values
        if optimizer:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = np.array([n.encode() for n, _ in optimizer])
            for weight, values in optimizer:
                group[weight] = values


def keras_1(folder):
    kernel, bias, w1, b1, w2, b2 = (draw(3, 2, 3, 3), draw(3), draw(12, 4), draw(4), draw(4, 3),
                                    draw(3))
    none = {"W_regularizer": None, "b_regularizer": None, "activity_regularizer": None,
            "W_constraint": None, "b_constraint": None, "bias": True, "trainable": True}
    config = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [
        {"class_name": "Convolution2D", "config": {
            **none, "name": "convolution2d_1", "batch_input_shape": [None, 2, 6, 6],
            "input_dtype": "float32", "nb_filter": 3, "nb_row": 3, "nb_col": 3,
            "init": "glorot_uniform", "activation": "relu", "border_mode": "valid",
            "subsample": [1, 1], "dim_ordering": "th"}},
        {"class_name": "MaxPooling2D", "config": {
            "name": "maxpooling2d_1", "trainable": True, "pool_size": [2, 2], "strides": [2, 2],
            "border_mode": "valid", "dim_ordering": "th"}},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dense", "config": {
            **none, "name": "dense_1", "output_dim": 4, "init": "glorot_uniform",
            "activation": "relu", "input_dim": 12,
            "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "p": 0.5}},
        {"class_name": "Dense", "config": {
            **none, "name": "dense_2", "output_dim": 3, "init": "glorot_uniform",
            "activation": "softmax", "input_dim": None}}]}
    training = {"optimizer_config": {"class_name": "Adadelta", "config": {
        "lr": 1.0, "rho": 0.95, "epsilon": 1e-8, "decay": 0.0}},
        "loss": "categorical_crossentropy", "metrics": ["accuracy"], "sample_weight_mode": None,
        "loss_weights": None}
    write(folder / "keras_1.2.2_theano.h5", config, training, [
        ("convolution2d_1", [("convolution2d_1_W", kernel), ("convolution2d_1_b", bias)]),
        ("maxpooling2d_1", []), ("flatten_1", []),
        ("dense_1", [("dense_1_W", w1), ("dense_1_b", b1)]), ("dropout_1", []),
        ("dense_2", [("dense_2_W", w2), ("dense_2_b", b2)])], {"keras_version": "1.2.2"})
    x = draw(4, 6, 6, 2)
    np.savez_compressed(folder / "keras_1.2.2_theano.npz", x=x, predictions=network(
        x, kernel, bias, w1, b1, w2, b2, turn=True, channels_first=True))


def keras_2(folder, backend):
    first = backend == "theano"
    kernel, bias, w1, b1, w2, b2 = (draw(3, 2, 3, 3), draw(3), draw(12, 4), draw(4), draw(4, 3),
                                    draw(3))
    form = "channels_first" if first else "channels_last"
    glorot = {"class_name": "VarianceScaling", "config": {
        "scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}}
    common = {"trainable": True, "use_bias": True, "kernel_initializer": glorot,
              "bias_initializer": {"class_name": "Zeros", "config": {}},
              "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
              "kernel_constraint": None, "bias_constraint": None}
    config = {"class_name": "Sequential", "keras_version": "2.0.2", "backend": backend, "config": [
        {"class_name": "Conv2D", "config": {
            **common, "name": "conv2d_1",
            "batch_input_shape": [None, 2, 6, 6] if first else [None, 6, 6, 2], "dtype": "float32",
            "filters": 3, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid",
            "data_format": form, "dilation_rate": [1, 1], "activation": "relu"}},
        {"class_name": "MaxPooling2D", "config": {
            "name": "max_pooling2d_1", "trainable": True, "pool_size": [2, 2], "padding": "valid",
            "strides": [2, 2], "data_format": form}},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dense", "config": {**common, "name": "dense_1", "units": 4,
                                           "activation": "relu"}},
        {"class_name": "Dense", "config": {**common, "name": "dense_2", "units": 3,
                                           "activation": "softmax"}}]}
    training = {"optimizer_config": {"class_name": "Adam", "config": {
        "lr": 0.0010000000474974513, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0,
        "epsilon": 1e-8}}, "loss": "categorical_crossentropy", "metrics": ["acc"],
        "sample_weight_mode": None, "loss_weights": None}
    suffix = "" if first else ":0"
    # (kh, kw, in, out) with either data format since 2.0.
    stored = kernel.transpose(2, 3, 1, 0)
    weights = [stored, bias, w1, b1, w2, b2]
    names = [f"{layer}/{weight}{suffix}" for layer in ("conv2d_1", "dense_1", "dense_2")
             for weight in ("kernel", "bias")]
    optimizer = [("Adam/iterations:0", np.float32(5))]
    for kind in ("m", "v"):
        optimizer += [(f"training/Adam/{kind}_{i}:0", np.full_like(w, i + (kind == "v") / 2))
                      for i, w in enumerate(weights)]
    pairs = list(zip(names, weights))
    path = folder / f"keras_2.0.2_{backend}"
    write(path.with_name(path.name + ".h5"), config, training, [
        ("conv2d_1", pairs[:2]), ("max_pooling2d_1", []), ("flatten_1", []),
        ("dense_1", pairs[2:4]), ("dense_2", pairs[4:])],
        {"keras_version": "2.0.2", "backend": backend}, optimizer)
    x = draw(4, 6, 6, 2)
    np.savez_compressed(path.with_name(path.name + ".npz"), x=x, predictions=network(
        x, kernel, bias, w1, b1, w2, b2, turn=first, channels_first=first))


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    keras_1(target)
    keras_2(target, "theano")
    keras_2(target, "tensorflow")
