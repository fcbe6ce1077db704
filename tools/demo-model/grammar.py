"""Documents from the grammar in data/: text, summary, title, tags and checkable facts. The format is told in data/FORMAT.md."""
import hashlib
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parent / "data"
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
QUARTERS = ["the first quarter", "the second quarter", "the third quarter", "the fourth quarter", "spring", "summer", "autumn", "winter"]
SMALL = "two three four five six seven eight nine ten eleven twelve".split()
UNITS = ["days", "weeks", "months", "hours", "years"]
SLOT = re.compile(r"\{([A-Za-z]+)(\d?)(?:\.([A-Za-z]+))?\}")
BRACKET = re.compile(r"\[([^\]]*)\]")
WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
ARTICLE = re.compile(r"\bthe (\{[ABCTX]\})")
DETERMINERS = ["our", "their", "its", "his", "her", "my", "your", "any", "some"]
WORD_SECTIONS = ("modifiers", "heads", "topics", "objects")
TEMPLATE_SECTIONS = ("titles", "openers", "leads", "body", "closers")
COMMON_SLOTS = set("A B C T O person first company product city country role team month date day year quarter n number percent money duration time".split())
NOT_PLURAL = ("ss", "us", "is", "ics", "ews", "ous")
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


def is_plural(topic):
    last = topic.split()[-1].lower()
    return last.endswith("s") and not last.endswith(NOT_PLURAL) or last in ("people", "children", "men", "women", "mice", "data")


def start_upper(text):
    return text[:1].upper() + text[1:]


@dataclass
class Fact:
    kind: str
    sentence: str
    question: str
    yes_no: str
    answer: str


@dataclass
class Document:
    domain: str
    sentences: list
    lead: str
    summary: str
    title: str
    tags: list
    facts: list = field(default_factory=list)
    paragraph: str = " "
    heading: str = ""

    @property
    def text(self):
        return self.heading + self.paragraph.join(self.sentences) if len(self.paragraph) == 1 else self.heading + self.broken()

    def broken(self):
        middle = max(1, len(self.sentences) // 2)
        return " ".join(self.sentences[:middle]) + self.paragraph + " ".join(self.sentences[middle:])


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


class Writer:
    """Writes documents with one source of randomness."""

    def __init__(self, grammar, rng=None, part="train", width=1.0):
        self.grammar, self.rng, self.part, self.width = grammar, rng or random.Random(0), part, width

    def pick(self, entries):
        values = getattr(entries, self.part)
        return values[self.rng.randrange(min(len(values), max(12, int(len(values) * self.width))))]

    def word(self, name):
        return self.pick(self.grammar.words[name])

    def chance(self, probability):
        return self.rng.random() < probability

    def number(self):
        return f"{self.rng.randrange(13, 990)}" if self.chance(0.7) else f"{self.rng.randrange(1, 90)},{self.rng.randrange(100, 1000)}"

    def value(self, slot):
        """A value of one of the common slots; None when there is no such slot."""
        rng = self.rng
        makers = {
            "person": lambda: f"{self.word('first-names')} {self.word('surnames')}",
            "first": lambda: self.word("first-names"),
            "company": lambda: self.word("companies"),
            "product": lambda: self.word("products"),
            "city": lambda: self.word("cities"),
            "country": lambda: self.word("countries"),
            "role": lambda: self.word("roles"),
            "team": lambda: self.word("teams"),
            "month": lambda: rng.choice(MONTHS),
            "date": lambda: f"{rng.randrange(1, 29)} {rng.choice(MONTHS)}",
            "day": lambda: rng.choice(DAYS),
            "year": lambda: str(rng.randrange(1990, 2031)),
            "quarter": lambda: rng.choice(QUARTERS),
            "n": lambda: rng.choice(SMALL),
            "number": self.number,
            "percent": lambda: f"{rng.randrange(2, 96)} percent",
            "money": lambda: f"{self.number()} {rng.choice(['euros', 'dollars', 'pounds'])}",
            "duration": lambda: f"{rng.choice(SMALL)} {rng.choice(UNITS)}",
            "a": lambda: self.word("adjectives"),
            "m": lambda: self.word("nouns"),
            "s": lambda: self.word("plural-nouns"),
            "v": lambda: self.word("verbs"),
            "d": lambda: self.word("adverbs"),
            "time": lambda: f"{rng.randrange(6, 23)}:{rng.choice(['00', '15', '30', '45'])}",
        }
        return makers[slot]() if slot in makers else None

    def topics(self, domain, count):
        """Distinct noun phrases, none of which contains another."""
        found, taken = [], set()
        for _ in range(count * 6):
            kind = self.rng.random()
            if kind < 0.36:
                topic = f"{self.pick(domain['modifiers'])} {self.pick(domain['heads'])}"
            elif kind < 0.60:
                topic = self.pick(domain["topics"])
            elif kind < 0.74:
                topic = self.pick(domain["heads"])
            elif kind < 0.82:
                topic = f"{self.word('nouns')} {self.pick(domain['heads'])}"
            else:
                topic = self.word("nouns" if self.chance(0.6) else "plural-nouns")
                if self.chance(0.3):
                    topic = f"{self.word('adjectives')} {topic}"
            words = {word.lower().rstrip("s") for word in topic.split()}
            if len(words) == len(topic.split()) and not words & taken:
                taken |= words
                found.append(topic)
                if len(found) == count:
                    break
        return found

    def fill(self, domain, template, topics, any_topic=None):
        """Fills the slots of a template. Returns the sentence with its brackets and the topics that it names."""
        known, used = {}, []

        def replace(match):
            name, number, form = match.groups()
            if name in ("A", "B", "C", "T", "X"):
                if name not in known:
                    known[name] = topics["ABC".index(name)] if name in "ABC" else any_topic or self.rng.choice(topics)
                topic = known[name]
                if form:
                    words = AGREEMENT[form.lower()][is_plural(topic)]
                    return start_upper(words) if form[0].isupper() else words
                used.append(topic)
                return topic
            key = name + number
            if name == "O":
                return self.pick(domain["objects"])
            if key not in known:
                for _ in range(8):
                    if name in domain:
                        known[key] = SLOT.sub(replace, self.pick(domain[name]))
                    else:
                        known[key] = self.value(name)
                    if known[key] is None:
                        raise ValueError(f"unknown slot {{{name}}} in '{template}'")
                    if all(known[key] != known.get(name + other) for other in ("", "2") if other != number):
                        break
            return known[key]

        return SLOT.sub(replace, template), used

    def stray(self):
        """A sentence that no domain's grammar makes."""
        return self.word("prose") if self.chance(0.6) else start_upper(self.fill({}, self.pick(self.grammar.frames), ["thing"])[0])

    def stray_document(self, words):
        """A text of stray sentences: nothing but its first sentence is known to matter."""
        sentences = [self.stray()]
        while sum(len(s.split()) for s in sentences) < words:
            sentences.append(self.stray())
        return sentences

    def fact(self, kind, topic):
        sentence, question, yes_no = self.pick(self.grammar.facts[kind]).split(" => ")
        value = self.value(kind)
        fill = lambda text: start_upper(self.fill({}, text.replace("{V}", value), [topic], topic)[0])
        return Fact(kind, fill(sentence), fill(question), fill(yes_no), value)

    def document(self, words, facts=0):
        """A document of about so many words."""
        domains = list(self.grammar.domains.values())
        name = self.rng.choice(list(self.grammar.domains))
        domain = self.grammar.domains[name]
        topics = self.topics(domain, min(7, max(3, int(words / 30) + self.rng.randrange(0, 2))))
        if len(topics) < 3:
            return self.document(words, facts)
        marked, named = self.fill(domain, self.pick(domain["leads"]), topics)
        lead = start_upper(BRACKET.sub(r"\1", marked).strip())
        summary = start_upper(re.sub(r"\s+", " ", BRACKET.sub("", marked)).strip())
        text = Text(self.grammar.things, topics, named, lead)
        before, after, made = [], [], []
        if words > 40 and self.chance(0.25):
            before.append(self.stray() if self.chance(0.2) else self.sentence(domain, "openers", text))
        if facts:
            kind = self.rng.choice(list(self.grammar.facts))
            for topic in self.rng.sample(topics, min(len(topics), facts)):
                fact = self.fact(kind if self.chance(0.7) else self.rng.choice(list(self.grammar.facts)), topic)
                made.append(fact)
                after.append(fact.sentence)
                text.add(fact.sentence, [topic])
        # Some documents take their sentences from all domains.
        is_mixed = self.chance(0.15)
        while text.length < words or words > 25 and text.once():
            if text.length < words and self.chance(0.08):
                stray = self.stray()
                if not text.repeats(stray):
                    after.append(stray)
                    text.add(stray, [])
            else:
                # A topic that is named once is named again before another one comes up.
                wanted = text.once() or text.unnamed()
                home = self.rng.choice(domains) if is_mixed else domain
                after.append(self.sentence(home, "body", text, self.rng.choice(wanted) if wanted else None))
        self.rng.shuffle(after)
        if words > 50 and self.chance(0.4):
            after.append(self.sentence(domain, "closers", text))
        # A heading may say what the text does not; the title that is asked for names what the key sentence is about.
        heading = start_upper(self.fill(domain, self.pick(domain["titles"]), topics)[0])
        title = " and ".join(dict.fromkeys(named[:2]))
        sentences = [start_upper(s) for s in before] + [lead] + after
        document = Document(name, sentences, lead, summary, title, [], made)
        document.paragraph = "\n\n" if self.chance(0.2) else " "
        document.heading = f"{heading}\n\n" if self.chance(0.1) else ""
        document.tags = self.in_order(" ".join(sentences), text.repeated())
        return document

    def sentence(self, domain, section, text, topic=None):
        """A sentence of its own kind that repeats no thing but topics; after some tries from any domain, and in the end as it comes."""
        topics = text.topics
        if topic is not None:
            others = [t for t in topics if t != topic]
            topics = [topic] + self.rng.sample(others, len(others))
        for attempt in range(20):
            template = self.pick(domain[section])
            sentence, used = self.fill(domain, self.vary(template), topics, topic)
            sentence = self.bare(sentence, used)
            if template not in text.templates and not text.repeats(sentence) and (topic is None or topic in used):
                break
            if attempt > 6:
                domain = self.rng.choice(list(self.grammar.domains.values()))
        text.templates.add(template)
        text.add(sentence, used)
        return start_upper(sentence)

    def vary(self, template):
        """The word before a topic is mostly 'the' in the templates; in real prose it is more."""
        return ARTICLE.sub(lambda match: f"{self.rng.choice(DETERMINERS)} {match.group(1)}" if self.chance(0.25) else match.group(), template)

    def bare(self, sentence, topics):
        """Takes away some articles of plurals, and a few of other topics."""
        for topic in topics:
            if self.chance(0.3 if is_plural(topic) else 0.06):
                sentence = sentence.replace(f" the {topic}", f" {topic}")
        return sentence

    @staticmethod
    def in_order(text, topics):
        lower = text.lower()
        return sorted({t.lower() for t in topics}, key=lambda t: (lower.find(t), -len(t)))[:7]


class Text:
    """What a document that is being written has named so far."""

    def __init__(self, things, topics, named, lead):
        self.things, self.topics, self.templates = things, topics, set()
        self.mentions, self.seen, self.length = [], set(), 0
        self.own = {word for topic in topics for word in WORD.findall(topic.lower())}
        self.add(lead, named)

    def add(self, sentence, topics):
        self.mentions += topics
        self.seen |= self.named(sentence)
        self.length += len(sentence.split())

    def named(self, sentence):
        """The things in a sentence without the topics."""
        lower = sentence.lower()
        for topic in self.topics:
            lower = lower.replace(topic.lower(), " ")
        return {word for word in WORD.findall(lower) if word in self.things}

    def repeats(self, sentence):
        named = self.named(sentence)
        return bool(named & self.seen or named & self.own)

    def once(self):
        return [t for t in self.topics if self.mentions.count(t) == 1]

    def unnamed(self):
        return [t for t in self.topics if t not in self.mentions]

    def repeated(self):
        return {t for t in self.topics if self.mentions.count(t) > 1}
