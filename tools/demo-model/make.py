#!/usr/bin/env python3
"""Makes the built-in model: data, tokenizer, training, evaluation, model folder. See README.md beside this file."""
import argparse
import os
import sys
import time
from pathlib import Path


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parent
    parser.add_argument("--work", type=Path, default=here / "work", help="folder of the tokenizer and the checkpoints; an interrupted run goes on from there")
    parser.add_argument("--out", type=Path, default=here.parent.parent / "src" / "App" / "demo", help="folder that the model is written to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float, help="end after so many minutes of training if the steps are not done by then; the same seed then no longer gives the same model")
    parser.add_argument("--tokens", type=int, default=3000, help="tokens of a step, over all processes")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="one thread each; 1 on a GPU")
    parser.add_argument("--samples", type=int, default=100, help="held-out examples of each task in the evaluation")
    parser.add_argument("--evaluate", action="store_true", help="only evaluate the model in --out")
    parser.add_argument("--part", choices=("held_out", "train"), default="held_out", help="with --evaluate: the words and templates that documents are made of")
    return parser.parse_args()


def start(rank, size, options, port):
    import torch
    import torch.distributed as distributed
    from grammar import Grammar
    from training import Training
    from vocabulary import Vocabulary
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    if size > 1:
        distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    Training(options, Grammar(), Vocabulary((options.work / "spiece.model").read_bytes()), rank, size).run()


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    options = read_options()
    # Two processes of one thread each are twice as fast as one of two, and must not fight over the cores.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    try:
        import sentencepiece  # noqa: F401
        import torch
    except ModuleNotFoundError as missing:
        print(f"{missing.name} is not installed for {sys.executable}: apt-get install python3-torch python3-sentencepiece libopenblas0-pthread, "
              "and run this with Debian's own /usr/bin/python3; or pip install torch sentencepiece numpy", file=sys.stderr)
        return 2
    import card
    import evaluation
    import folder
    import vocabulary
    from grammar import Grammar
    options.vocabulary_size = vocabulary.SIZE
    if options.evaluate:
        evaluation.report(folder.read(options.out), evaluation.vocabulary_of(options.out), options.samples, options.seed, options.part)
        return 0
    started = time.monotonic()
    options.work.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary.train(Grammar(), options.work, options.seed)
    size = 1 if torch.cuda.is_available() else options.processes
    if size == 1:
        start(0, 1, options, 0)
    else:
        torch.multiprocessing.spawn(start, args=(size, options, free_port()), nprocs=size)
    model, options.steps = folder.from_checkpoint(options.work / "checkpoint.pt", options.vocabulary_size)
    folder.write(model, pieces, options.out)
    scores = evaluation.report(folder.read(options.out), pieces, options.samples, options.seed)
    card.write(folder.read(options.out), pieces, scores, options)
    print(f"made {options.out} in {(time.monotonic() - started) / 60:.0f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
