"""Documents from the grammar: text, summary, title, tags and checkable facts."""
import random
import re
from dataclasses import dataclass, field

from grammar import AGREEMENT, BRACKET, SLOT, WORD

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
QUARTERS = ["the first quarter", "the second quarter", "the third quarter", "the fourth quarter", "spring", "summer", "autumn", "winter"]
SMALL = "two three four five six seven eight nine ten eleven twelve".split()
UNITS = ["days", "weeks", "months", "hours", "years"]
ARTICLE = re.compile(r"\bthe (\{[ABCTX]\})")
DETERMINERS = ["our", "their", "its", "his", "her", "my", "your", "any", "some"]
NOT_PLURAL = ("ss", "us", "is", "ics", "ews", "ous")


def is_plural(topic):
    last = topic.split()[-1].lower()
    return last.endswith("s") and not last.endswith(NOT_PLURAL) or last in ("people", "children", "men", "women", "mice", "data")


def start_upper(text):
    return text[:1].upper() + text[1:]


def in_order(text, topics):
    lower = text.lower()
    return sorted({t.lower() for t in topics}, key=lambda t: (lower.find(t), -len(t)))[:7]


@dataclass
class Fact:
    kind: str
    sentence: str
    question: str
    yes_no: str
    answer: str


@dataclass
class Document:
    sentences: list
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
        domain = self.grammar.domains[self.rng.choice(list(self.grammar.domains))]
        topics = self.topics(domain, min(7, max(3, int(words / 30) + self.rng.randrange(0, 2))))
        if len(topics) < 3:
            return self.document(words, facts)
        marked, named = self.fill(domain, self.pick(domain["leads"]), topics)
        lead = start_upper(BRACKET.sub(r"\1", marked).strip())
        summary = start_upper(re.sub(r"\s+", " ", BRACKET.sub("", marked)).strip())
        text = Text(self.grammar.things, topics, named, lead)
        before = []
        if words > 40 and self.chance(0.25):
            before.append(start_upper(self.stray() if self.chance(0.2) else self.sentence(domain, "openers", text)))
        made = self.state_facts(facts, text) if facts else []
        after = [fact.sentence for fact in made] + self.body(domain, words, text)
        self.rng.shuffle(after)
        if words > 50 and self.chance(0.4):
            after.append(self.sentence(domain, "closers", text))
        # A heading may say what the text does not; the title that is asked for names what the key sentence is about.
        heading = start_upper(self.fill(domain, self.pick(domain["titles"]), topics)[0])
        sentences = before + [lead] + after
        document = Document(sentences, summary, " and ".join(dict.fromkeys(named[:2])), in_order(" ".join(sentences), text.repeated()), made)
        document.paragraph = "\n\n" if self.chance(0.2) else " "
        document.heading = f"{heading}\n\n" if self.chance(0.1) else ""
        return document

    def state_facts(self, count, text):
        """Facts, each about a topic of its own and most of one kind, so that a question must be read."""
        made, kinds = [], list(self.grammar.facts)
        kind = self.rng.choice(kinds)
        for topic in self.rng.sample(text.topics, min(len(text.topics), count)):
            fact = self.fact(kind if self.chance(0.7) else self.rng.choice(kinds), topic)
            made.append(fact)
            text.add(fact.sentence, [topic])
        return made

    def body(self, domain, words, text):
        """Sentences until the text is long enough and nothing that it is about is named only once."""
        sentences, domains = [], list(self.grammar.domains.values())
        # Some documents take their sentences from all domains.
        is_mixed = self.chance(0.15)
        while text.length < words or words > 25 and text.once():
            if text.length < words and self.chance(0.08):
                stray = self.stray()
                if not text.repeats(stray):
                    sentences.append(stray)
                    text.add(stray, [])
            else:
                # A topic that is named once is named again before another one comes up.
                wanted = text.once() or text.unnamed()
                home = self.rng.choice(domains) if is_mixed else domain
                sentences.append(self.sentence(home, "body", text, self.rng.choice(wanted) if wanted else None))
        return sentences

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
