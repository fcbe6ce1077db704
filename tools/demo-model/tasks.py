"""Turns documents into pairs of a prompt and the wanted answer."""
from dataclasses import dataclass

# Shares of the tasks in training, and in its later part: what the service shows most, and what is hardest, gets most.
SHARES = {"summarize": 0.27, "tags": 0.35, "title": 0.03, "extract": 0.24, "yesno": 0.01, "first": 0.03, "last": 0.02, "upper": 0.01, "count": 0.01, "repeat": 0.03}
LATE_SHARES = {"summarize": 0.32, "tags": 0.42, "title": 0.02, "extract": 0.19, "yesno": 0.005, "first": 0.02, "last": 0.01, "upper": 0.005, "count": 0.005, "repeat": 0.005}

# A document must have room to name its topics twice.
SHORTEST_TAGGED = 30


@dataclass
class Example:
    task: str
    prompt: str
    answer: str
    text: str


class Examples:
    """Makes examples with one writer."""

    def __init__(self, writer, shares=None):
        self.writer, self.rng, self.shares = writer, writer.rng, shares or SHARES

    def make(self, words, task=None):
        task = task or self.rng.choices(list(self.shares), list(self.shares.values()))[0]
        return getattr(self, task)(words)

    def prompt(self, task, text, question=""):
        wordings = self.writer.grammar.prompts[task]
        # The first wording is what the service sends.
        wording = wordings[0] if self.rng.random() < 0.35 else self.rng.choice(wordings)
        return wording.replace("{question}", question).replace("{text}", text)

    def example(self, task, text, answer, question=""):
        return Example(task, self.prompt(task, text, question), answer, text)

    def summarize(self, words):
        if self.rng.random() < 0.08:
            sentences = self.writer.stray_document(words)
            return self.example("summarize", " ".join(sentences), sentences[0])
        document = self.writer.document(words, self.facts())
        return self.example("summarize", document.text, document.summary)

    def tags(self, words):
        document = self.writer.document(max(words, SHORTEST_TAGGED), self.facts())
        return self.example("tags", document.text, ", ".join(document.tags))

    def title(self, words):
        document = self.writer.document(words, self.facts())
        document.heading = ""
        return self.example("title", document.text, document.title)

    def facts(self):
        return self.rng.choice([0, 0, 1, 1, 2])

    def extract(self, words):
        document = self.writer.document(words, self.rng.choice([1, 2, 2, 3]))
        fact = self.rng.choice(document.facts)
        same = [f for f in document.facts if f.question == fact.question]
        if any(f.answer != fact.answer for f in same):
            return self.extract(words)
        return self.example("extract", document.text, fact.answer, fact.question)

    def yesno(self, words):
        document = self.writer.document(words, self.rng.choice([1, 2, 2]))
        fact = self.rng.choice(document.facts)
        if self.rng.random() < 0.5:
            return self.example("yesno", document.text, "yes", fact.yes_no)
        others = [f.answer for f in document.facts if f.kind == fact.kind and f.answer != fact.answer]
        other = others[0] if others else self.writer.value(fact.kind)
        answer = "yes" if other == fact.answer else "no"
        return self.example("yesno", document.text, answer, fact.yes_no.replace(fact.answer, other))

    def sentences(self, words):
        return self.writer.document(words).sentences if self.rng.random() < 0.6 else self.writer.stray_document(words)

    def first(self, words):
        sentences = self.sentences(words)
        return self.example("first", " ".join(sentences), sentences[0])

    def last(self, words):
        sentences = self.sentences(words)
        return self.example("last", " ".join(sentences), sentences[-1])

    def upper(self, words):
        text = self.noun() if self.rng.random() < 0.6 else f"{self.writer.word('adjectives')} {self.noun()}"
        return self.example("upper", text, text.upper())

    def noun(self):
        return self.writer.word("nouns" if self.rng.random() < 0.7 else "plural-nouns")

    def count(self, words):
        items = [self.noun() for _ in range(self.rng.randrange(2, 10))]
        return self.example("count", ", ".join(items), str(len(items)))

    def repeat(self, words):
        kinds = ["nouns", "plural-nouns", "adjectives", "verbs", "adverbs", "function-words", "first-names", "surnames", "cities", "companies", "products", "countries"]
        text = " ".join(self.writer.word(self.rng.choice(kinds)) for _ in range(self.rng.randrange(3, max(4, min(14, words // 2)))))
        return self.example("repeat", text, text)
