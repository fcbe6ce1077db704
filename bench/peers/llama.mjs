// llama.cpp through the npm package node-llama-cpp, which ships it prebuilt: sequences of one context, decoded together.
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { Clock, prompt, serve } from "./protocol.mjs";

const folderOfPackage = path.join(path.resolve(process.argv[2]), "node_modules", "node-llama-cpp");
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(path.join(folderOfPackage, "dist", "index.js")));
let model, threads, context, sequences = [], size;

// A context of its own for every kind of work, made outside of the measured time: a larger one than needed costs.
async function prepare(streams, contextSize) {
  if (size !== `${streams} ${contextSize}`) {
    await context?.dispose();
    context = await model.createContext({ sequences: streams, contextSize, batchSize: 512, threads });
    sequences = Array.from({ length: streams }, () => context.getSequence());
    size = `${streams} ${contextSize}`;
  }
  for (const sequence of sequences) await sequence.clearHistory();
}

await serve({
  open: async command => {
    const file = path.join(command.folder, "gguf", "model-q4_0.gguf");
    if (!existsSync(file)) return { absent: "node-llama-cpp does not run encoder-decoders" };
    threads = command.threads;
    const llama = await getLlama({ gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error });
    model = await llama.loadModel({ modelPath: file, checkTensors: false });
    return { version: `llama.cpp ${llama.llamaCppRelease.release} of node-llama-cpp, Q4_0` };
  },
  generate: async ({ streams, prompt: length, tokens }) => {
    await prepare(streams, length + tokens + 8);
    const clock = new Clock();
    await Promise.all(sequences.map(async (sequence, stream) => {
      let left = tokens;
      for await (const _ of sequence.evaluate(prompt(stream, length), { temperature: 0, yieldEogToken: true })) {
        clock.token(stream);
        if (--left === 0) break;
      }
    }));
    return clock.result();
  },
});
