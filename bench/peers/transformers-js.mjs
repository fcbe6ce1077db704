// transformers.js as its users call it: `generate` of a model from a folder.
import { existsSync } from "node:fs";
import path from "node:path";
import { Clock, prompt, required, serve } from "./protocol.mjs";

const { AutoModelForCausalLM, AutoModelForSeq2SeqLM, BaseStreamer, Tensor, env } = required("@huggingface/transformers");
let model;

/** Sees every token when it is chosen; the prompt comes first. */
class Watch extends BaseStreamer {
  #clock;
  #skipPrompt = true;
  constructor(clock) { super(); this.#clock = clock; }
  put(value) {
    if (this.#skipPrompt) this.#skipPrompt = false;
    else for (let stream = 0; stream < value.length; stream++) this.#clock.token(stream);
  }
  end() { }
}

await serve({
  open: async ({ folder, threads }) => {
    env.allowRemoteModels = false;
    env.localModelPath = path.dirname(path.resolve(folder)) + path.sep;
    const isDecoder = existsSync(path.join(folder, "onnx", "model_q4.onnx"));
    model = await (isDecoder ? AutoModelForCausalLM : AutoModelForSeq2SeqLM)
      .from_pretrained(path.basename(folder), { dtype: isDecoder ? "q4" : "q8", device: "cpu", local_files_only: true, session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 } });
    return { version: `transformers.js ${env.version}` };
  },
  generate: async ({ streams, prompt: length, tokens }) => {
    const ids = Array.from({ length: streams }, (_, stream) => prompt(stream, length)).flat();
    const clock = new Clock();
    await model.generate({
      [model.main_input_name]: new Tensor("int64", BigInt64Array.from(ids, BigInt), [streams, length]),
      attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), [streams, length]),
      max_new_tokens: tokens, min_new_tokens: tokens, do_sample: false, streamer: new Watch(clock),
    });
    return clock.result();
  },
});
