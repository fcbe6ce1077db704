// ONNX Runtime by itself: the session is fed by hand, with nothing between one step and the next but the choice of the greatest logit.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Clock, prompt, required, serve } from "./protocol.mjs";

const ort = required("onnxruntime-node"), { version } = required("onnxruntime-node/package.json");
let model;

const whole = (rows, width) => new ort.Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [rows.length, width]);
const ones = (streams, width) => new ort.Tensor("int64", new BigInt64Array(streams * width).fill(1n), [streams, width]);

function greatest(logits) {
  const vocabulary = logits.dims.at(-1), all = logits.data, steps = logits.dims[1];
  return Array.from({ length: logits.dims[0] }, (_, stream) => {
    const start = (stream * steps + steps - 1) * vocabulary;
    let best = start;
    for (let i = start + 1; i < start + vocabulary; i++) if (all[i] > all[best]) best = i;
    return best - start;
  });
}

// The caches of a step become those of the next one; what comes back empty has not changed.
function keep(caches, outputs) {
  for (const [name, value] of Object.entries(outputs))
    if (name.startsWith("present.") && value.dims[0] > 0) caches["past_key_values." + name.slice("present.".length)] = value;
}

function emptyCaches(session, streams, heads, head) {
  return Object.fromEntries(session.inputNames.filter(name => name.startsWith("past_key_values."))
    .map(name => [name, new ort.Tensor("float32", new Float32Array(0), [streams, heads, 0, head])]));
}

async function decoder({ session, config }, streams, length, tokens, clock) {
  const caches = emptyCaches(session, streams, config.num_key_value_heads, config.hidden_size / config.num_attention_heads);
  let ids = Array.from({ length: streams }, (_, stream) => prompt(stream, length)), total = 0;
  for (let step = 0; step < tokens; step++) {
    total += ids[0].length;
    const outputs = await session.run({ input_ids: whole(ids, ids[0].length), attention_mask: ones(streams, total), ...caches });
    keep(caches, outputs);
    ids = greatest(outputs.logits).map(id => [id]);
    for (let stream = 0; stream < streams; stream++) clock.token(stream);
  }
}

async function encoderDecoder({ encoder, session, config }, streams, length, tokens, clock) {
  const mask = ones(streams, length);
  const sources = Array.from({ length: streams }, (_, stream) => prompt(stream, length));
  const { last_hidden_state } = await encoder.run({ input_ids: whole(sources, length), attention_mask: mask });
  const caches = emptyCaches(session, streams, config.num_heads, config.d_kv);
  let ids = sources.map(() => [0]);
  for (let step = 0; step < tokens; step++) {
    const outputs = await session.run({
      encoder_attention_mask: mask, input_ids: whole(ids, 1), encoder_hidden_states: last_hidden_state, ...caches,
      use_cache_branch: new ort.Tensor("bool", [step > 0], [1]),
    });
    keep(caches, outputs);
    ids = greatest(outputs.logits).map(id => [id]);
    for (let stream = 0; stream < streams; stream++) clock.token(stream);
  }
}

await serve({
  open: async ({ folder, threads }) => {
    const open = file => ort.InferenceSession.create(path.join(folder, "onnx", file), { intraOpNumThreads: threads, interOpNumThreads: 1 });
    const config = JSON.parse(readFileSync(path.join(folder, "config.json"), "utf8"));
    model = existsSync(path.join(folder, "onnx", "model_q4.onnx"))
      ? { run: decoder, config, session: await open("model_q4.onnx") }
      : { run: encoderDecoder, config, encoder: await open("encoder_model_quantized.onnx"), session: await open("decoder_model_merged_quantized.onnx") };
    return { version: `onnxruntime-node ${version}` };
  },
  generate: async ({ streams, prompt: length, tokens }) => {
    const clock = new Clock();
    await model.run(model, streams, length, tokens, clock);
    return clock.result();
  },
});
