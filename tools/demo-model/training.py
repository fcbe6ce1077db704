"""The training loop: data-parallel over processes, resumable, deterministic for a seed and a number of processes."""
import random
import time

import torch
import torch.distributed as distributed

from model import T5
from muon import Muon
from tasks import Examples
from writer import Writer

# Steps whose batches are made together.
POOL = 40
LONGEST_WORDS, LONGEST_PROMPT, LONGEST_ANSWER = 270, 510, 80
# Steps in which documents grow to their full length and vocabulary.
CURRICULUM = 600
# Steps of rising rates, and the last part of the run, in which they fall.
WARM, FALLING = 50, 0.4
# Embeddings are of size 1, a projection's weights some twentieth of that.
EMBEDDING_RATE = 5.0
# Muon's updates are of size 1 in every direction, Adam's in every number.
MATRIX_RATE = 4.0


class Batches:
    """Batches of about the same cost. Documents start at one sentence of few words and widen over the first part of the run."""

    def __init__(self, grammar, vocabulary, tokens, seed):
        self.grammar, self.vocabulary, self.tokens, self.seed = grammar, vocabulary, tokens, seed
        self.pool, self.pool_number = [], -1

    def batch(self, step):
        """Prompts (batch, length) and answers (batch, length) of one step, padded with 0."""
        number = step // POOL
        if number != self.pool_number:
            self.pool, self.pool_number = self.fill(number), number
        rows = self.pool[step % POOL]
        return pad([prompt for prompt, _ in rows]), pad([answer for _, answer in rows])

    def fill(self, number):
        rng = random.Random(f"{self.seed} {number}")
        progress = min(1.0, number * POOL / CURRICULUM)
        examples = Examples(Writer(self.grammar, rng, width=min(1.0, 0.2 + 2 * progress)))
        longest = 20 + int((LONGEST_WORDS - 20) * progress ** 2)
        rows, total = [], 0
        while total < POOL * self.tokens:
            example = examples.make(8 + int((longest - 8) * rng.random() ** 1.7))
            prompt, answer = self.vocabulary.encode(example.prompt), self.vocabulary.encode(example.answer)
            if len(prompt) > LONGEST_PROMPT or len(answer) > LONGEST_ANSWER:
                continue
            rows.append((prompt, answer))
            total += cost(prompt, answer)
        # Rows of the same length together, batches of the same cost, in random order.
        rows.sort(key=lambda row: (len(row[0]) // 20, len(row[1])))
        batches, spent = [[] for _ in range(POOL)], 0
        for row in rows:
            batches[spent * POOL // total].append(row)
            spent += cost(*row)
        rng.shuffle(batches)
        return batches


def cost(prompt, answer):
    return len(prompt) + 2 * len(answer)


def pad(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def learning_rate(step, steps, peak):
    """Level for most of the run and then straight down to zero, so that until then the run may be made longer or shorter."""
    return peak * min((step + 1) / WARM, 1.0, (steps - step) / (FALLING * steps))


class Training:
    """One process of the training. `rank` 0 keeps the checkpoints and tells the progress."""

    def __init__(self, options, grammar, vocabulary, rank, size):
        self.options, self.rank, self.size = options, rank, size
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(options.seed)
        self.model = T5(options.vocabulary_size).to(self.device)
        embeddings, matrices = self.model.shared.weight, self.model.matrices()
        inside = set(map(id, [embeddings, *matrices]))
        others = [p for p in self.model.parameters() if id(p) not in inside]
        self.muon = Muon(matrices, rank, size)
        self.adam = torch.optim.AdamW([{"params": others, "scale": 1.0}, {"params": [embeddings], "scale": EMBEDDING_RATE}], betas=(0.9, 0.98), weight_decay=0.0)
        self.batches = Batches(grammar, vocabulary, options.tokens // size, f"{options.seed} {rank}")
        self.checkpoint = options.work / "checkpoint.pt"
        self.step = 0

    def resume(self):
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, map_location=self.device)
            self.model.load_state_dict(state["model"])
            self.adam.load_state_dict(state["adam"])
            self.muon.load_state_dict(state["muon"])
            self.step = state["step"]
            if self.rank == 0:
                print(f"resumed at step {self.step}", flush=True)

    def save(self):
        temporary = self.checkpoint.with_suffix(".new")
        torch.save({"model": self.model.state_dict(), "adam": self.adam.state_dict(), "muon": self.muon.state_dict(), "step": self.step}, temporary)
        temporary.replace(self.checkpoint)

    def run(self):
        self.resume()
        options, started, first = self.options, time.monotonic(), self.step
        losses, seen, told = 0.0, 0, time.monotonic()
        while self.step < options.steps:
            loss, tokens = self.update(learning_rate(self.step, options.steps, options.rate))
            losses, seen, self.step = losses + loss, seen + tokens, self.step + 1
            if self.rank == 0 and (self.step % 25 == 0 or self.step == options.steps):
                left = (time.monotonic() - started) / (self.step - first) * (options.steps - self.step)
                speed, told = 25 / (time.monotonic() - told), time.monotonic()
                print(f"step {self.step}/{options.steps}  loss {losses / seen:.4f}  {speed:.2f} steps/s  {left / 60:.0f} min left", flush=True)
                losses, seen = 0.0, 0
            if self.rank == 0 and (self.step % 50 == 0 or self.step == options.steps):
                self.save()
        return self.model

    def update(self, rate):
        """One step. Returns the summed loss and the number of answer tokens of all processes."""
        prompts, answers = (t.to(self.device) for t in self.batches.batch(self.step))
        loss = self.model.loss(prompts, answers)
        loss.backward()
        parameters = list(self.model.parameters())
        flat = torch.cat([p.grad.reshape(-1) for p in parameters] + [torch.stack([loss.detach(), (answers != 0).sum().float()])])
        if self.size > 1:
            distributed.all_reduce(flat)
        total, tokens = flat[-2].item(), flat[-1].item()
        flat /= tokens
        norm = flat[:-2].norm()
        flat *= torch.clamp(1.0 / (norm + 1e-6), max=1.0)
        position = 0
        for p in parameters:
            p.grad.copy_(flat[position:position + p.numel()].view_as(p))
            position += p.numel()
        for group in self.adam.param_groups:
            group["lr"] = group["scale"] * rate
        self.adam.step()
        self.muon.step(MATRIX_RATE * rate)
        self.model.zero_grad(set_to_none=False)
        return total, tokens
