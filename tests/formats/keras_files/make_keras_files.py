#!/usr/bin/env python3
"""Files of real Keras versions, small: make_keras_files.py FOLDER, run by a Python with that Keras.

For each of 3.0.5, 3.3.3, 3.6.0, 3.10.0 and 3.15.0 in an environment of its own:

    python3 -m venv env && env/bin/pip install keras==3.0.5 jax h5py
    KERAS_BACKEND=jax env/bin/python make_keras_files.py .

writes keras_3.0.5_stack.keras (a Sequential with a random layer, trained five steps),
keras_3.0.5_graph.keras (a functional model) and for each an .npz: inputs x, labels y, what Keras
predicts from the file, and for the second the weights after 20 more steps of training. The archives'
members are packed anew, deflated, since most of an HDF5 file is zeros; their bytes are Keras's.
"""

import pathlib
import sys
import zipfile

import keras
import numpy as np
from keras import layers as L

# Keras 3.0 on JAX fails at it.
CENTERED = not keras.__version__.startswith("3.0.")


def stack():
    return keras.Sequential([
        keras.Input((6, 6, 2)),
        L.Conv2D(3, 3, activation="relu", name="first"),
        L.BatchNormalization(),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dropout(0.25),
        L.Dense(4, activation="relu"),
        L.Dense(3, activation="softmax", name="probs"),
    ]), keras.optimizers.RMSprop(0.01, momentum=0.5, centered=CENTERED)

def graph():
    inputs = keras.Input((5,), name="table")
    left = L.Dense(4, activation="tanh")(inputs)
    right = L.Dense(4, name="right")(inputs)
    both = L.Add()([left, right])
    return keras.Model(inputs, L.Dense(3, activation="softmax")(both)), keras.optimizers.Adam(0.02)

def main(folder):
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(1)
    for build in (stack, graph):
        model, optimizer = build()
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
        x = random.normal(size=(8, *model.input_shape[1:])).astype("float32")
        y = np.eye(3, dtype="float32")[random.integers(3, size=8)]
        model.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0)
        path = folder / f"keras_{keras.__version__}_{build.__name__}.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, member in members.items():
                archive.writestr(name, member)
        arrays = {"x": x, "y": y, "predictions": model.predict(x, verbose=0)}
        if build is graph:
            model.fit(x, y, batch_size=8, epochs=20, shuffle=False, verbose=0)
            for number, weight in enumerate(model.get_weights()):
                arrays[f"after_20_{number}"] = weight
        np.savez_compressed(path.with_suffix(".npz"), **arrays)

if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
