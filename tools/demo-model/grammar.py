"""Word lists, sentence templates and questions: reads data/, whose format is told in data/FORMAT.md."""
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
SLOT = re.compile(r"\{([A-Za-z]+)(\d?)(?:\.([A-Za-z]+))?\}")
BRACKET = re.compile(r"\[([^\]]*)\]")
WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
WORD_SECTIONS = ("modifiers", "heads", "topics", "objects")
TEMPLATE_SECTIONS = ("titles", "openers", "leads", "body", "closers")
COMMON_SLOTS = set("A B C T O person first company product city country role team month date day year quarter n number percent money duration time".split())
AGREEMENT = {"is": ("is", "are"), "was": ("was", "were"), "has": ("has", "have"), "does": ("does", "do"), "s": ("s", ""), "it": ("it", "they"), "its": ("its", "their")}


def is_held_out(text):
    """One entry in ten is kept for the evaluation, whatever the seed."""
    return hashlib.sha256(text.encode()).digest()[0] < 26


@dataclass
class Entries:
    """A list in a fixed random order: the part that training sees and the part that it never sees."""
    train: list
    held_out: list

    @staticmethod
    def of(values):
        values = sorted(set(values), key=lambda v: hashlib.sha256(("order" + v).encode()).digest())
        held_out = [v for v in values if is_held_out(v)] or values[:1]
        return Entries([v for v in values if v not in held_out], held_out)


def read_sections(path):
    """Section name -> lines. Word sections are split at commas too."""
    sections, name = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        heading = re.fullmatch(r"\[([a-z]+(?: [A-Za-z_]+)?)\]", line)
        if heading:
            name = heading.group(1).removeprefix("list ")
            sections.setdefault(name, [])
        elif name is None:
            raise ValueError(f"{path}: '{line}' stands before the first [section]")
        elif name in WORD_SECTIONS:
            sections[name] += [word.strip() for word in line.split(",") if word.strip()]
        else:
            sections[name].append(line)
    return sections


def check(path, sections):
    """Refuses a domain file that would fail in the middle of a training, or lacks a section."""
    for name in WORD_SECTIONS + TEMPLATE_SECTIONS:
        if not sections.get(name):
            raise ValueError(f"{path}: section [{name}] is missing or empty")
    known = COMMON_SLOTS | set(sections)
    for name, values in sections.items():
        for text in values:
            for slot, _, form in SLOT.findall(text):
                if slot not in known:
                    raise ValueError(f"{path}: [{name}] '{text}': unknown slot {{{slot}}}; write a [list {slot}] or use a common slot")
                if form and form.lower() not in AGREEMENT:
                    raise ValueError(f"{path}: [{name}] '{text}': unknown form .{form}; known are {', '.join(AGREEMENT)}")
            if "{" in SLOT.sub("", text) or text.count("[") != text.count("]"):
                raise ValueError(f"{path}: [{name}] '{text}': a brace or bracket stands alone")
            if name == "leads" and "{A" not in BRACKET.sub("", text):
                raise ValueError(f"{path}: [leads] '{text}': {{A}} must stand outside the brackets")


def read_words(name):
    return [line.strip() for line in (DATA / "words" / f"{name}.txt").read_text(encoding="utf-8").splitlines() if line.strip()]


class Grammar:
    """All word lists and templates. `part` is 'train' or 'held_out'; `width` in 0..1 is how much of each list is used."""

    def __init__(self):
        self.domains = {}
        for path in sorted((DATA / "domains").glob("*.txt")):
            sections = read_sections(path)
            check(path, sections)
            self.domains[path.stem] = {name: Entries.of(values) for name, values in sections.items()}
        self.words = {name: Entries.of(read_words(name)) for name in (
            "first-names", "surnames", "cities", "countries", "companies", "products", "roles", "teams", "nouns", "plural-nouns", "adjectives", "prose", "verbs", "adverbs", "function-words")}
        self.facts = {kind: Entries.of(lines) for kind, lines in read_sections(DATA / "facts.txt").items()}
        self.frames = Entries.of(read_sections(DATA / "frames.txt")["frames"])
        self.prompts = read_sections(DATA / "prompts.txt")
        lists = [self.words["nouns"], self.words["plural-nouns"]] + [domain["heads"] for domain in self.domains.values()]
        # Words that name a thing: when one of them stands in a document twice, a reader may take it for a topic.
        self.things = {word for entries in lists for text in entries.train + entries.held_out for word in WORD.findall(text.lower())}
