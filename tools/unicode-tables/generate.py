#!/usr/bin/env python3
"""Writes src/Tokenizers/Unicode/UnicodeData.g.cs from the files of the Unicode Character Database.

    python3 tools/unicode-tables/generate.py [FOLDER]

FOLDER holds UnicodeData.txt, CompositionExclusions.txt, auxiliary/GraphemeBreakProperty.txt, emoji/emoji-data.txt,
IndicSyllabicCategory.txt, Scripts.txt, DerivedAge.txt and ReadMe.txt, as Debian's package unicode-data installs them
(the default, /usr/share/unicode) or as https://www.unicode.org/Public/<version>/ucd/ has them. The format's reference
has the categories of Unicode 16.0.0 and normalizes as Unicode 9.0.0 does, so take the files of 16.0.0; younger characters
are left out of the tables of the normalization forms.

Every table is a list of numbers, written as variable-length integers (7 bits a byte, low bits first) in base64.
Code points are written as the difference to the one before.
"""
import base64
import pathlib
import re
import sys

SOURCE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
TARGET = pathlib.Path(__file__).resolve().parents[2] / "src/Tokenizers/Unicode/UnicodeData.g.cs"
# The order is the order of the enum UnicodeCategory of .NET.
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn".split()
# The order is the order of the enum GraphemeBreak.
BREAKS = ("Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT "
          "Extended_Pictographic").split()
NORMALIZATION_VERSION = (9, 0)
CONJUNCT_SCRIPTS = {"Bengali", "Devanagari", "Gujarati", "Malayalam", "Oriya", "Telugu"}


def ranges(name):
    for line in (SOURCE / name).read_text(encoding="utf-8").splitlines():
        fields = [f.strip() for f in line.split("#")[0].split(";")]
        if len(fields) < 2:
            continue
        first, _, last = fields[0].partition("..")
        yield range(int(first, 16), int(last or first, 16) + 1), fields[1]


def runs(values):
    """[start difference, value] where the value changes."""
    numbers, last, previous = [], None, 0
    for point, value in enumerate(values):
        if value != last:
            numbers += [point - previous, value]
            last, previous = value, point
    return numbers


def encode(numbers):
    data = bytearray()
    for number in numbers:
        while number >= 0x80:
            data.append(number & 0x7F | 0x80)
            number >>= 7
        data.append(number)
    return base64.b64encode(bytes(data)).decode()


normalized = set()
for points, value in ranges("DerivedAge.txt"):
    if tuple(map(int, value.split("."))) <= NORMALIZATION_VERSION:
        normalized.update(points)

category, combining, decomposition = ["Cn"] * 0x110000, {}, {}
span_start = None
for row in (SOURCE / "UnicodeData.txt").read_text(encoding="utf-8").splitlines():
    f = row.split(";")
    point = int(f[0], 16)
    if f[1].endswith(", First>"):
        span_start = point
        continue
    for p in range(point if span_start is None else span_start, point + 1):
        category[p] = f[2]
    span_start = None
    if f[3] != "0":
        combining[point] = int(f[3])
    if f[5] and point in normalized:
        parts = f[5].split()
        compatible = parts[0].startswith("<")
        decomposition[point] = (compatible, [int(x, 16) for x in parts[1 if compatible else 0:]])


def full(point, compatible):
    if point not in decomposition or (decomposition[point][0] and not compatible):
        return [point]
    return [x for part in decomposition[point][1] for x in full(part, compatible)]


canonical, compatibility, previous_c, previous_k = [], [], 0, 0
for point in sorted(decomposition):
    c, k = full(point, False), full(point, True)
    if c != [point]:
        canonical += [point - previous_c, len(c), *c]
        previous_c = point
    if k != c:
        compatibility += [point - previous_k, len(k), *k]
        previous_k = point

excluded = {int(m, 16) for m in
            re.findall(r"^([0-9A-F]+)", (SOURCE / "CompositionExclusions.txt").read_text(encoding="utf-8"), re.M)}
compositions, previous = [], 0
for point in sorted(decomposition):
    compatible, parts = decomposition[point]
    if compatible or len(parts) != 2 or point in excluded or combining.get(point) or combining.get(parts[0]):
        continue
    compositions += [point - previous, *parts]
    previous = point

classes, previous = [], 0
for point in sorted(normalized & combining.keys()):
    classes += [point - previous, combining[point]]
    previous = point

breaks = [0] * 0x110000
for points, value in ranges("emoji/emoji-data.txt"):
    if value == "Extended_Pictographic":
        for p in points:
            breaks[p] = BREAKS.index(value)
for points, value in ranges("auxiliary/GraphemeBreakProperty.txt"):
    for p in points:
        breaks[p] = BREAKS.index(value)

script = {}
for points, value in ranges("Scripts.txt"):
    if value in CONJUNCT_SCRIPTS:
        script.update(dict.fromkeys(points, value))
# Indic conjunct break: 1 consonant, 2 linker, 3 extend.
conjunct = [0] * 0x110000
for p in range(0x110000):
    if breaks[p] in (BREAKS.index("Extend"), BREAKS.index("ZWJ")) and (p in combining or p == 0x200D):
        conjunct[p] = 3
for points, value in ranges("IndicSyllabicCategory.txt"):
    for p in points:
        if p in script and value in ("Consonant", "Virama"):
            conjunct[p] = 1 if value == "Consonant" else 2

version = re.search(r"Version (\d+\.\d+\.\d+)", (SOURCE / "ReadMe.txt").read_text(encoding="utf-8"))[1]
tables = {
    "Categories": ("General category: differences of range starts, and the category as .NET numbers it.",
                   runs([CATEGORIES.index(c) for c in category])),
    "CombiningClasses": ("Canonical combining class: difference of code points, class.", classes),
    "CanonicalDecompositions": ("Full canonical decompositions: difference of code points, length, code points.", canonical),
    "CompatibilityDecompositions": ("Full compatibility decompositions where they differ from the canonical ones.", compatibility),
    "Compositions": ("Primary composites: difference of code points, first part, second part.", compositions),
    "GraphemeBreaks": ("Grapheme cluster break: differences of range starts, value of GraphemeBreak.", runs(breaks)),
    "ConjunctBreaks": ("Indic conjunct break: differences of range starts; 1 consonant, 2 linker, 3 extend.", runs(conjunct)),
}
lines = ["// <auto-generated/> by tools/unicode-tables/generate.py. Do not edit.", "",
         "namespace LlmService.Tokenizers.Unicode;", "",
         f"/// <summary>Tables of the Unicode Character Database {version}.</summary>",
         "internal static class UnicodeData", "{"]
for name, (summary, numbers) in tables.items():
    text = encode(numbers)
    chunks = [text[i:i + 120] for i in range(0, len(text), 120)]
    lines += [f"    /// <summary>{summary}</summary>", f"    public const string {name} ="]
    lines += [f'        "{c}"' + (" +" if i + 1 < len(chunks) else ";") for i, c in enumerate(chunks)]
    lines += [""]
lines[-1] = "}"
TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
print(f"{TARGET}: Unicode {version}, {TARGET.stat().st_size} bytes")
