#!/usr/bin/env python3
"""Writes the files in fixtures/ with NumPy and the reference safetensors library, so that the tests
of the readers read what those really write.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 safetensors==0.8.0
    venv/bin/python tests/formats/make_fixtures.py

With the name of a .safetensors or .npy file as its argument, it prints what those libraries read
from it instead.
"""
import pathlib
import sys

import numpy as np
import safetensors
import safetensors.numpy

HERE = pathlib.Path(__file__).parent / "fixtures"


def write_npy(name, array, version=None):
    with open(HERE / name, "wb") as file:
        np.lib.format.write_array(file, array, version=version)


def write_all():
    HERE.mkdir(exist_ok=True)
    counting = np.arange(6).reshape(2, 3)
    write_npy("f4.npy", counting.astype("<f4") / 4)
    write_npy("f4_version2.npy", counting.astype("<f4") / 4, version=(2, 0))
    write_npy("f4_version3.npy", counting.astype("<f4") / 4, version=(3, 0))
    write_npy("f8_big_endian.npy", counting.astype(">f8") / 4)
    write_npy("f2.npy", np.array([1.5, -2, 65504, 6e-8, np.inf, 0], "<f2"))
    write_npy("u1.npy", np.array([[0, 51], [102, 255]], "u1"))
    write_npy("i1.npy", np.array([-128, -1, 0, 127], "i1"))
    write_npy("u2_big_endian.npy", np.array([1, 256, 65535], ">u2"))
    write_npy("i4.npy", np.array([-70000, 70000], "<i4"))
    write_npy("i8.npy", np.array([-1, 2**40], "<i8"))
    write_npy("bool.npy", np.array([True, False, True]))
    write_npy("scalar.npy", np.array(2.5, "<f4"))
    write_npy("empty.npy", np.zeros((0, 3), "<f4"))
    # element (a, b, c) is 100a + 10b + c
    a, b, c = np.meshgrid(np.arange(2), np.arange(3), np.arange(4), indexing="ij")
    write_npy("fortran_order.npy", np.asfortranarray((100 * a + 10 * b + c).astype("<f4")))
    write_npy("objects.npy", np.array([{}, None], dtype=object))
    write_npy("strings.npy", np.array(["a", "bc"]))
    write_npy("records.npy", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))

    digits = (np.arange(3 * 28 * 28) % 256).astype("u1").reshape(3, 28, 28)
    keras = {
        "x_train": digits, "y_train": np.array([7, 0, 9], "u1"),
        "x_test": digits[:2], "y_test": np.array([1, 2], "u1"),
    }
    np.savez(HERE / "keras_stored.npz", **keras)
    np.savez_compressed(HERE / "keras_deflated.npz", **keras)
    np.savez_compressed(HERE / "xy.npz", x=counting.astype("<f4"), y=np.array([[1], [4]], "i8"))
    np.savez_compressed(HERE / "class_in_test_only.npz", x_train=counting.astype("<f4"),
                        y_train=np.array([0, 1], "u1"), x_test=counting[:1].astype("<f4"),
                        y_test=np.array([5], "u1"))
    floats = counting.astype("<f4")
    np.savez_compressed(HERE / "by_name.npz", a_train=floats, b_train=digits[:2],
                        kind_train=np.array([1, 0], "u1"), size_train=floats[:, :1],
                        size_sample_weight_train=np.array([1, 2], "<f4"), a_test=floats[:1],
                        b_test=digits[:1], kind_test=np.array([1], "u1"), size_test=floats[:1, :1],
                        sample_weight_test=np.array([3], "<f4"))
    np.savez_compressed(HERE / "wrong_names.npz", images=digits[:1], labels=np.array([1], "u1"))

    # bfloat16, which NumPy has not, goes in as bytes: 1.0 is 0x3f80, -2.5 is 0xc020.
    tensors = {
        "dense/kernel": ("float32", [2, 3], (counting.astype("<f4") / 4).tobytes()),
        "half": ("float16", [3], np.array([1.5, -2, 6e-8], "<f2").tobytes()),
        "brain": ("bfloat16", [2], bytes([0x80, 0x3F, 0x20, 0xC0])),
        "double": ("float64", [1, 2], np.array([[0.1, -4]], "<f8").tobytes()),
        "scalar": ("float32", [], np.array(3, "<f4").tobytes()),
        "empty": ("float32", [0, 5], b""),
    }
    memory = {name: np.frombuffer(data, "u1") for name, (_, _, data) in tensors.items()}
    safetensors.serialize_file(
        {name: safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=memory[name].ctypes.data,
                                      data_len=len(data))
         for name, (dtype, shape, data) in tensors.items()},
        HERE / "reference.safetensors", {"format": "np"})
    safetensors.numpy.save_file({"steps": np.array([1, 2], "<i8")}, HERE / "int64.safetensors")


def show(path):
    if path.endswith(".npy"):
        array = np.load(path, allow_pickle=False)
        print(array.dtype, array.shape, array.ravel()[:8])
        return
    with safetensors.safe_open(path, framework="np") as file:
        print(file.metadata())
        for name in file.keys():
            tensor = file.get_tensor(name)
            print(name, tensor.dtype, tensor.shape, tensor.ravel()[:8])


if __name__ == "__main__":
    show(sys.argv[1]) if len(sys.argv) > 1 else write_all()
