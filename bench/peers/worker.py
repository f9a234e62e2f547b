"""A peer's worker: answers commands from standard input, one a line, each with a line.

    python worker.py torch|jax|keras THREADS [OPTION ...]

The commands are those of peer_worker.h, without "work". A peer is a class with
    prepare(model, training, x, y, batch)   y are class numbers
    outputs(x) -> probabilities
    learn(epochs) -> mean losses of the epochs
    run(steps)                              returns when they are done
    parameters() -> int                     those that are trained or, in batch norm, kept
    version() -> str
"""

import importlib
import os
import pathlib
import sys
import time
import traceback

import numpy as np
import workload


def _answer(peer, words: list) -> str:
    match words:
        case ["prepare", name, mode, batch, directory]:
            x = np.load(pathlib.Path(directory) / "x.npy")
            y = np.load(pathlib.Path(directory) / "y.npy").astype(np.int64)
            peer.prepare(workload.MODELS[name], mode == "training", x, y, int(batch))
            return f"ready {peer.parameters()}"
        case ["outputs"]:
            return "outputs " + " ".join(f"{p:.9g}" for p in peer.outputs().ravel())
        case ["learn", epochs]:
            return "loss " + " ".join(f"{loss:.9g}" for loss in peer.learn(int(epochs)))
        case ["run", steps]:
            start = time.perf_counter()
            peer.run(int(steps))
            return f"seconds {time.perf_counter() - start:.9g}"
        case ["version"]:
            return f"version {peer.version()}"
    return f"error no command: {' '.join(words)}"


def main() -> None:
    # Answers go where standard output was; what libraries print there goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind, threads, *options = sys.argv[1:]
    peer = importlib.import_module(f"{kind}_peer").Peer(int(threads), options)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        try:
            answer = _answer(peer, line.split())
        except Exception as error:  # a peer that can't do one thing goes on with the next
            traceback.print_exc()
            answer = f"error {type(error).__name__}: {error}".splitlines()[0]
        print(answer, file=answers, flush=True)


main()
