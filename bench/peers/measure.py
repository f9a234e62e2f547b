"""Measures one cell of the table: a model, data, mode, batch size and number of threads."""

import dataclasses
import pathlib
import statistics
import time

import fleet
import numpy as np
import workload

EPOCHS_OF_LEARNING = 10
# Predictions from equal weights differ by rounding alone.
OUTPUTS_AGREE = 1e-4
# Losses after learning, as a share of the first: dropout draws differ from side to side, and with
# them the loss of such a short training.
LOSSES_AGREE = 0.2
# What learns has less than this share of its first loss left.
LEARNT = 0.8


@dataclasses.dataclass(frozen=True)
class Cell:
    model: str
    data: str
    mode: str
    batch: int
    threads: int

    def key(self) -> str:
        return "/".join(map(str, dataclasses.astuple(self)))


def write_data(cell: Cell, root: pathlib.Path, build: pathlib.Path) -> pathlib.Path:
    model = workload.MODELS[cell.model]
    folder = build / f"data/{cell.data}-{'x'.join(map(str, model.input_shape))}-{cell.batch}"
    if not (folder / "y.npy").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        x, y = workload.make_data(cell.data, model.input_shape, cell.batch, root)
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
    return folder


class Measurement:
    """`workers` by name, "pronghorn" among them. What one can't do is noted in failures."""

    def __init__(self, cell: Cell, workers: dict, folder: pathlib.Path):
        self.cell = cell
        self.folder = folder
        self.pronghorn = workers["pronghorn"]
        self.peers = {name: worker for name, worker in workers.items() if name != "pronghorn"}
        self.failures = {}
        self.losses = {}
        self.seconds = {name: [] for name in workers}
        self.ratios = {name: [] for name in self.peers}

    def run(self, learn: bool, rounds: int, block_seconds: float, most_seconds: float) -> dict:
        parameters, outputs = self._prepare(self.pronghorn)
        for name, worker in list(self.peers.items()):
            self._attempt(name, lambda: self._check_same(worker, parameters, outputs))
        if learn:
            self._learn()
        steps = {"pronghorn": self._block(self.pronghorn, block_seconds)}
        for name, worker in list(self.peers.items()):
            self._attempt(name, lambda: steps.update({name: self._block(worker, block_seconds)}))
        start = time.monotonic()
        for number in range(rounds):
            if number >= 3 and time.monotonic() - start > most_seconds:
                break
            self._round(steps)
        return self._result()

    def _attempt(self, name: str, action) -> None:
        try:
            action()
        except fleet.Failure as failure:
            self.failures[name] = str(failure)
            self.peers.pop(name, None)

    def _prepare(self, worker: fleet.Worker) -> tuple:
        cell = self.cell
        ready = worker.ask(f"prepare {cell.model} {cell.mode} {cell.batch} {self.folder}")
        return int(ready[0]), np.array(worker.ask("outputs"), np.float64)

    def _check_same(self, worker: fleet.Worker, parameters: int, outputs: np.ndarray) -> None:
        theirs, their_outputs = self._prepare(worker)
        if theirs != parameters:
            raise fleet.Failure(f"has {theirs} parameters, Pronghorn {parameters}")
        # PyTorch pads convolutions of stride 2 at the other side: shifted by a pixel (torch_peer.py).
        if worker.name.startswith("torch") and self.cell.model == "resnet-20":
            return
        difference = np.abs(their_outputs - outputs).max()
        if not difference < OUTPUTS_AGREE:
            raise fleet.Failure(f"predicts {difference:.2g} beside Pronghorn from equal weights")

    def _learn(self) -> None:
        command = f"learn {EPOCHS_OF_LEARNING}"

        def learn(worker: fleet.Worker) -> tuple:
            losses = list(map(float, worker.ask(command)))
            # RMSprop now and then leaps for an epoch, so the last alone says little.
            return losses[0], statistics.median(losses[-3:])

        first, ours = self.losses["pronghorn"] = learn(self.pronghorn)
        if not ours < LEARNT * first:
            self.failures["pronghorn"] = f"does not learn: loss {first:.3f}, then {ours:.3f}"
        for name, worker in list(self.peers.items()):
            def check():
                before, after = self.losses[name] = learn(worker)
                if not after < LEARNT * before:
                    raise fleet.Failure(f"does not learn: loss {before:.3f}, then {after:.3f}")
                if not abs(after - ours) < LOSSES_AGREE * first:
                    raise fleet.Failure(f"the loss after {EPOCHS_OF_LEARNING} epochs is {after:.3f}, "
                                        f"Pronghorn's {ours:.3f}")
            self._attempt(name, check)

    @staticmethod
    def _block(worker: fleet.Worker, seconds: float) -> int:
        """How many steps take so long; warms up, which with compilers takes a while."""
        worker.run(1)
        step = min(worker.run(1), worker.run(1))
        steps = max(1, round(seconds / step))
        if steps < workload.BATCHES:
            return steps
        # Whole rounds of the data, for those to whom the start of an epoch costs something.
        steps -= steps % workload.BATCHES
        worker.run(workload.BATCHES)
        return steps

    def _round(self, steps: dict) -> None:
        """Pronghorn between all peers, so that each has neighbours in time to be compared with."""
        ours = self.pronghorn.run(steps["pronghorn"])
        self.seconds["pronghorn"].append(ours)
        for name, worker in list(self.peers.items()):
            def block():
                nonlocal ours
                theirs = worker.run(steps[name])
                after = self.pronghorn.run(steps["pronghorn"])
                self.seconds[name].append(theirs)
                self.ratios[name].append(theirs / ((ours + after) / 2))
                self.seconds["pronghorn"].append(after)
                ours = after
            self._attempt(name, block)

    def _result(self) -> dict:
        sides = {}
        for name, seconds in self.seconds.items():
            if not seconds or (name in self.failures and name != "pronghorn"):
                continue
            sides[name] = {"seconds": statistics.median(seconds)}
            if name != "pronghorn":
                ratios = sorted(self.ratios[name])
                sides[name] |= {"ratio": statistics.median(ratios), "least": ratios[0],
                                "most": ratios[-1]}
        return dataclasses.asdict(self.cell) | {
            "rounds": max(map(len, self.ratios.values()), default=len(self.seconds["pronghorn"])),
            "sides": sides, "failures": self.failures, "losses": self.losses}
