"""Scores on documents whose words and templates training never saw."""
import random

import torch

from grammar import Grammar
from tasks import Examples
from training import pad
from vocabulary import Vocabulary
from writer import Writer

LIMITS = {"summarize": 64, "tags": 64, "title": 24, "first": 64, "last": 64}
EXACT = ("extract", "yesno", "upper", "count", "first", "last")


def vocabulary_of(folder):
    return Vocabulary.from_tokenizer_json(folder / "tokenizer.json")


def answers(model, vocabulary, prompts, limit, batch=16, separator=None):
    """Greedy answers of the model. With a separator, what stands behind the last one of an answer that was cut off is left out."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results = [""] * len(prompts)
    for start in range(0, len(order), batch):
        rows = order[start:start + batch]
        for row, ids in zip(rows, model.generate(pad([vocabulary.encode(prompts[i])[-512:] for i in rows]), limit)):
            results[row] = vocabulary.decode(ids)
            if separator and len(ids) == limit and separator in results[row]:
                results[row] = results[row].rpartition(separator)[0]
    return results


def tag_f1(wanted, got):
    wanted, got = ({t.strip().lower() for t in text.split(",") if t.strip()} for text in (wanted, got))
    both = len(wanted & got)
    return 2 * both / (len(wanted) + len(got)) if wanted or got else 1.0


def rouge_l(wanted, got):
    """F-measure of the longest common subsequence of words (Lin 2004)."""
    a, b = wanted.lower().split(), got.lower().split()
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b):
            before, row[j + 1] = row[j + 1], before + 1 if word == other else max(row[j], row[j + 1])
    common = row[-1]
    return 2 * common / (len(a) + len(b)) if a and b else 0.0


def score(task, wanted, got):
    if task == "tags":
        return tag_f1(wanted, got)
    if task in EXACT:
        return float(wanted.strip() == got.strip())
    return rouge_l(wanted, got)


def report(model, vocabulary, samples, seed, part="held_out"):
    """Prints one line per task and returns the scores."""
    model.eval()
    examples = Examples(Writer(Grammar(), random.Random(f"evaluation {seed}"), part))
    names = {"tags": "F1", "summarize": "ROUGE-L", "title": "ROUGE-L"}
    scores = {}
    for task in ("tags", "summarize", "title", "extract", "yesno", "first", "last", "upper", "count"):
        made = [examples.make(random.Random(f"{seed} {task} {i}").randrange(40, 250), task) for i in range(samples)]
        made = [e for e in made if len(vocabulary.encode(e.prompt)) <= 512]
        got = answers(model, vocabulary, [e.prompt for e in made], LIMITS.get(task, 24))
        scores[task] = sum(score(task, e.answer, g) for e, g in zip(made, got)) / len(made)
        print(f"{task:10} {names.get(task, 'exact'):8} {scores[task]:.3f}  ({len(made)} documents)", flush=True)
        if task in ("tags", "summarize", "extract"):
            for e, g in list(zip(made, got))[:3]:
                print(f"    wanted: {e.answer}\n    got:    {g}")
    return scores
