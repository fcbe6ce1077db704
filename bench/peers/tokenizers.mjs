// The peer of the tokenizer comparison: the npm package `tokenizers`, which binds the format's reference, written in Rust.
//
//     node tokenizers.mjs FOLDER_WITH_NODE_MODULES
//
// Reads one JSON object a line and answers each with one line: the CPU time that it took, in milliseconds.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import path from "node:path";

const { Tokenizer } = createRequire(path.join(path.resolve(process.argv[2]), "package.json"))("tokenizers");
let json, tokenizer, text, ids;

const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };

const actions = {
  open: async ({ path }) => { json = readFileSync(path, "utf8"); },
  text: async ({ path }) => { text = readFileSync(path, "utf8"); },
  load: async () => { tokenizer = Tokenizer.fromString(json); tokenizer.disableTruncation(); tokenizer.disablePadding(); },
  encode: async ({ times = 1 }) => { for (let i = 0; i < times; i++) ids = await tokenizer.encode(text, null, { addSpecialTokens: false }); },
  decode: async ({ times = 1 }) => { const all = ids.getIds(); for (let i = 0; i < times; i++) await tokenizer.decode(all, true); },
  batch: async ({ parts }) => {
    const size = Math.ceil(text.length / parts);
    await tokenizer.encodeBatch(Array.from({ length: parts }, (_, i) => text.slice(i * size, (i + 1) * size)));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const started = cpu(), clock = performance.now();
  await actions[command.do](command);
  console.log(JSON.stringify({ cpu: cpu() - started, wall: performance.now() - clock, tokens: command.do === "encode" ? ids.getLength() : 0 }));
}
