"""The worker processes: which peers there are, and how one talks to them."""

import dataclasses
import os
import pathlib
import subprocess

import environments

# glibc gives large blocks back to the kernel and faults them in again in each step, which costs
# PyTorch and XLA up to a third of their time. This keeps them. One arena, since others can't hold
# blocks of more than 64 MB.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
               "MALLOC_TOP_PAD_": str(1 << 26), "MALLOC_ARENA_MAX": "1"}


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    # Of requirements-ENVIRONMENT.txt, and of KIND_peer.py.
    environment: str
    kind: str
    options: tuple = ()
    variables: tuple = tuple(KEEP_MEMORY.items())
    images_only: bool = False


PEERS = (
    Peer("torch", "torch", "torch", variables=()),
    Peer("torch-channels-last", "torch", "torch", ("channels-last",), (), images_only=True),
    Peer("torch-tuned", "torch", "torch", ("inplace",)),
    Peer("torch-tuned-channels-last", "torch", "torch", ("inplace", "channels-last"),
         images_only=True),
    Peer("torch-compile", "torch", "torch", ("inplace", "compile")),
    Peer("torch-compile-channels-last", "torch", "torch", ("inplace", "compile", "channels-last"),
         images_only=True),
    Peer("jax", "jax", "jax"),
    Peer("keras-jax", "jax", "keras", variables=(*KEEP_MEMORY.items(), ("KERAS_BACKEND", "jax"))),
    Peer("keras-tensorflow", "tensorflow", "keras",
         variables=(*KEEP_MEMORY.items(), ("KERAS_BACKEND", "tensorflow"))),
)


class Failure(Exception):
    """What a worker could not do, in a line."""


class Worker:
    """A process that answers commands (worker.py, peer_worker.h). It may use as many CPUs as it has
    threads, so that no framework's helper threads run on others; what it prints goes to a log."""

    def __init__(self, name: str, command: list, threads: int | None, variables: tuple = ()):
        self.name = name
        environment = dict(os.environ, **dict(variables))
        pin = None
        if threads is not None:
            cpus = sorted(os.sched_getaffinity(0))[-threads:]
            if len(cpus) < threads:
                raise Failure(f"{threads} threads, but only {len(cpus)} CPUs")
            for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
                environment[variable] = str(threads)
            pin = lambda: os.sched_setaffinity(0, cpus)  # noqa: E731
        self.log = environments.BUILD / f"log/{name}.txt"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, env=environment, preexec_fn=pin, cwd=environments.ROOT)

    def ask(self, command: str) -> list:
        """The words of the answer, without the first."""
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().split()
        except BrokenPipeError:
            answer = []
        if not answer:
            raise Failure(f"the worker ended; see {self.log.relative_to(environments.ROOT)}")
        if answer[0] == "error":
            raise Failure(" ".join(answer[1:]))
        return answer[1:]

    def ended(self) -> bool:
        return self.process.poll() is not None

    def run(self, steps: int) -> float:
        """Seconds a step."""
        return float(self.ask(f"run {steps}")[0]) / steps

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def pronghorn(program: pathlib.Path, threads: int, pinned: bool = True) -> Worker:
    return Worker("pronghorn", [program, threads], threads if pinned else None)


def start(peer: Peer, threads: int) -> Worker:
    """Raises Missing or Failure where the peer can't be had."""
    python = environments.python_of(peer.environment)
    variables = (*peer.variables,
                 ("TORCHINDUCTOR_CACHE_DIR", str(environments.BUILD / "inductor")),
                 ("TF_CPP_MIN_LOG_LEVEL", "2"), ("PYTHONDONTWRITEBYTECODE", "1"))
    command = [python, environments.HERE / "worker.py", peer.kind, threads, *peer.options]
    worker = Worker(peer.name, command, threads, variables)
    try:
        worker.version = " ".join(worker.ask("version"))
    except Failure:
        worker.close()
        raise
    return worker
