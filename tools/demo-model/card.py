"""Writes the model card: what the model is, how it was made, what it scores, and what it answers, good or bad."""
from pathlib import Path

from evaluation import answers
from grammar import Grammar
from model import CONFIG
from training import CURRICULUM, EMBEDDING_RATE, FALLING, LATE, MATRIX_RATE
from vocabulary import SIZE

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent.parent / "src" / "App" / "Samples"

TEXT = """---
license: apache-2.0
language: en
pipeline_tag: summarization
---
# demo

A T5 of {parameters:.1f} million parameters that writes a one-sentence summary, tags or a title for a short English text, and answers a few simple
questions about it. It is the built-in model of `llm-service`: small enough to be part of the repository, so that everything can be tried without a
network. It is a demonstration, not a tool for real work; for that, use `google/flan-t5-base` or larger.

## Architecture

T5 v1.1: gated GELU, {num_layers} encoder and {num_decoder_layers} decoder layers, d_model {d_model}, {num_heads} heads of {d_kv}, d_ff {d_ff}, {size} pieces
(Unigram), input and output embeddings tied. The weights are stored as f16.

## Data

All synthetic, made by the generator in `tools/demo-model` while the training runs; no text of others was used. A grammar of {domains} domains
({names}) with {templates:,} sentence templates and {words:,} words and phrases makes documents of up to 280 words. The key sentence of each document has parts
that the summary drops; its tags are the noun phrases that the document names twice or more, and no other noun is named twice. Documents of plain sentences
that no domain made, and documents mixed of all domains, are part of it.

Tasks: summary, tags, title, extraction of a name, date or number, yes or no, first and last sentence, upper case, counting, repeating. Each has
several wordings; `data/prompts.txt` lists them.

## Training

{steps:,} steps of about {tokens:,} tokens on two CPU cores, seed {seed}: Muon (rate {matrix_rate}) for the matrices inside of the layers, AdamW (rate {rate}, embeddings
{embedding_rate}) for all else; level, then falling to zero in the last {falling:.0%} of the run; documents grow from one sentence to full length over the first
{curriculum} steps, and from step {late:,} on most of them are for summary and tags. The model starts as a machine that copies and notices
repetitions: heads that look for the piece that followed, for the same piece elsewhere and for what is already written are set by hand before the first step.

## Scores

On {samples} held-out documents per task, made with words and templates that training never saw; greedy answers; seed {seed}.

| Task | Measure | Score |
| --- | --- | --- |
{scores}

## Limits

It copies and shortens; it does not understand. On real prose the summary is mostly the first sentence or one like it, and the tags are words
and phrases that the text repeats, so some are beside the point, and a topic that is named in ever other words is missed. It knows only English,
forgets what stands beyond 512 tokens, cannot reason, count reliably or chat, and knows nothing of the world. It often does not
end its list of tags but writes one of them again and again; the service drops the repetitions. Yes/no questions, upper case and counting are hardly trained.

## What it answers

To the two prompts that the service sends, greedy, without the tags that it repeats, as the service answers: the samples of `quick-test`, then ten texts written by hand for this page, good or bad as they come.

{outputs}
"""


def grammar_size(grammar):
    templates = words = 0
    for domain in grammar.domains.values():
        for name, entries in domain.items():
            count = len(entries.train) + len(entries.held_out)
            if name in ("leads", "body", "openers", "closers", "titles"):
                templates += count
            else:
                words += count
    return templates, words + sum(len(e.train) + len(e.held_out) for e in grammar.words.values())


def outputs(model, vocabulary, prompts):
    lines = []
    for path in sorted(SAMPLES.glob("*.txt")) + sorted((HERE / "data" / "documents").glob("*.txt")):
        text = " ".join(path.read_text(encoding="utf-8").split())
        ask = lambda task, limit, separator=None: answers(model, vocabulary, [prompts[task][0].replace("{text}", text)], limit, separator=separator)[0]
        tags = dict.fromkeys(tag.strip() for tag in ask("tags", 64, ",").split(","))
        lines.append(f"**{path.stem}**: {text}\n\n- Summary: {ask('summarize', 128)}\n- Tags: {', '.join(tags)}\n")
    return "\n".join(lines)


def write(model, vocabulary, scores, options):
    """Writes README.md into the model folder."""
    grammar = Grammar()
    templates, words = grammar_size(grammar)
    measures = {"tags": "F1", "summarize": "ROUGE-L", "title": "ROUGE-L"}
    text = TEXT.format(
        **CONFIG, parameters=sum(p.numel() for p in model.parameters()) / 1e6, size=SIZE, domains=len(grammar.domains), names=", ".join(grammar.domains),
        templates=templates, words=words, steps=options.steps, tokens=options.tokens, seed=options.seed, rate=options.rate,
        matrix_rate=MATRIX_RATE * options.rate, embedding_rate=EMBEDDING_RATE * options.rate, falling=FALLING, curriculum=CURRICULUM, late=LATE, samples=options.samples,
        scores="\n".join(f"| {task} | {measures.get(task, 'exact')} | {value:.2f} |" for task, value in scores.items()),
        outputs=outputs(model, vocabulary, grammar.prompts))
    (options.out / "README.md").write_text(text.rstrip() + "\n", encoding="utf-8")
