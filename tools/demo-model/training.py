"""The training loop: data-parallel over processes, resumable, deterministic for a seed and a number of processes."""
import random
import time

import torch
import torch.distributed as distributed

from model import T5
from muon import Muon
from tasks import LATE_SHARES, SHARES, Examples
from writer import Writer

# Steps whose batches are made together.
POOL = 40
LONGEST_WORDS, LONGEST_PROMPT, LONGEST_ANSWER = 270, 510, 80
# Steps in which documents grow to their full length and vocabulary.
CURRICULUM = 600
# The step from which the tasks have their later shares.
LATE = 1000
# Steps of rising rates, and the last part of the run, in which they fall.
WARM, FALLING = 50, 0.5
# Seconds between two checkpoints.
SAVE_EVERY = 180
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
        examples = Examples(Writer(self.grammar, rng, width=min(1.0, 0.2 + 2 * progress)), LATE_SHARES if number * POOL >= LATE else SHARES)
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


def learning_rate(step, left, peak):
    """Level, then straight down to zero: `left` is the part of the run that is left. Until it falls the run may be made longer or shorter."""
    return peak * min((step + 1) / WARM, 1.0, left / FALLING)


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
        self.step, self.started = 0, time.monotonic()

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

    def left(self, steps):
        """The part of the run that is left after so many steps: of all steps, or of the time on a machine of unknown speed."""
        left = (self.options.steps - steps) / self.options.steps
        if self.options.minutes:
            left = min(left, 1 - (time.monotonic() - self.started) / 60 / self.options.minutes)
        return max(0.0, left)

    def run(self):
        self.resume()
        options, first, saved = self.options, self.step, time.monotonic()
        losses, seen, left = 0.0, 0, self.left(self.step)
        while left > 0:
            loss, tokens, left = self.update()
            losses, seen, self.step = losses + loss, seen + tokens, self.step + 1
            if self.rank != 0:
                continue
            now = time.monotonic()
            if self.step % 25 == 0 or left == 0:
                each = (now - self.started) / (self.step - first)
                print(f"step {self.step}/{options.steps}  loss {losses / seen:.4f}  {1 / each:.2f} steps/s  {self.minutes_left(each):.0f} min left", flush=True)
                losses, seen = 0.0, 0
            if now - saved > SAVE_EVERY or left == 0:
                self.save()
                saved = time.monotonic()
        return self.model

    def minutes_left(self, seconds_each):
        minutes = seconds_each * (self.options.steps - self.step) / 60
        return min(minutes, self.options.minutes - (time.monotonic() - self.started) / 60) if self.options.minutes else minutes

    def update(self):
        """One step. Returns the summed loss, the number of answer tokens of all processes, and the part of the run that is left after it."""
        prompts, answers = (t.to(self.device) for t in self.batches.batch(self.step))
        loss = self.model.loss(prompts, answers)
        loss.backward()
        parameters = list(self.model.parameters())
        # The clock of the first process counts for all.
        left = self.left(self.step + 1) if self.rank == 0 else 0.0
        flat = torch.cat([p.grad.reshape(-1) for p in parameters] + [torch.tensor([loss.item(), (answers != 0).sum().item(), left], device=self.device)])
        if self.size > 1:
            distributed.all_reduce(flat)
        total, tokens, left = flat[-3:].tolist()
        flat /= tokens
        norm = flat[:-3].norm()
        flat *= torch.clamp(1.0 / (norm + 1e-6), max=1.0)
        rate = learning_rate(self.step, left, self.options.rate)
        position = 0
        for p in parameters:
            p.grad.copy_(flat[position:position + p.numel()].view_as(p))
            position += p.numel()
        for group in self.adam.param_groups:
            group["lr"] = group["scale"] * rate
        self.adam.step()
        self.muon.step(MATRIX_RATE * rate)
        self.model.zero_grad(set_to_none=False)
        return total, tokens, left
