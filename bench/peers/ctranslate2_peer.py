# CTranslate2 in 8 bit, on random weights that its own specification classes lay out; speaks the protocol of protocol.mjs. Needs the package `ctranslate2`, which brings numpy.
import json
import os
import sys
import tempfile
import time


def answer(command, state):
    if command["do"] == "open":
        with open(os.path.join(command["folder"], "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        if config["model_type"] != "t5":
            return {"absent": "the comparison gives CTranslate2 the encoder-decoders only"}
        import ctranslate2  # Not there: the error is the answer.

        with tempfile.TemporaryDirectory() as folder:
            write(config, folder)
            state["translator"] = ctranslate2.Translator(folder, device="cpu", compute_type="int8", inter_threads=1, intra_threads=command["threads"])
        # Its variables choose the library that multiplies, so they are part of what it is.
        chosen = "".join(f", {name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("CT2_"))
        return {"version": f"CTranslate2 {ctranslate2.__version__}, int8{chosen}"}
    return generate(state["translator"], command["streams"], command["prompt"], command["tokens"])


def write(config, folder):
    import ctranslate2
    import numpy

    numbers = numpy.random.default_rng(1)
    hidden, inner, feed = config["d_model"], config["num_heads"] * config["d_kv"], config["d_ff"]
    random = lambda *shape: (numbers.standard_normal(shape, dtype=numpy.float32) * 0.03)
    spec = ctranslate2.specs.TransformerSpec.from_config(
        (config["num_layers"], config["num_decoder_layers"]), config["num_heads"], pre_norm=True, activation=ctranslate2.specs.Activation.GELUTanh,
        ffn_glu=True, relative_attention_bias=True, rms_norm=True)
    for stack in (spec.encoder, spec.decoder):
        embeddings = stack.embeddings[0] if isinstance(stack.embeddings, list) else stack.embeddings
        embeddings.weight = random(config["vocab_size"], hidden)
        stack.scale_embeddings = False
        stack.layer_norm.gamma = numpy.ones(hidden, numpy.float32)
        bias = random(config["relative_attention_num_buckets"], config["num_heads"])
        for layer in stack.layer:
            attentions = [layer.self_attention] + ([layer.attention] if stack is spec.decoder else [])
            for attention in attentions:
                attention.queries_scale = numpy.float32(1)
                attention.layer_norm.gamma = numpy.ones(hidden, numpy.float32)
                # All three of self-attention are one matrix; of attention to the source the query stands alone.
                for linear, rows in zip(attention.linear, [3 * inner] if len(attention.linear) == 2 else [inner, 2 * inner]):
                    linear.weight = random(rows, hidden)
                attention.linear[-1].weight = random(hidden, inner)
            layer.self_attention.relative_attention_bias = bias
            layer.self_attention.relative_attention_max_distance = numpy.dtype("int32").type(config["relative_attention_max_distance"])
            layer.ffn.layer_norm.gamma = numpy.ones(hidden, numpy.float32)
            layer.ffn.linear_0.weight, layer.ffn.linear_0_noact.weight, layer.ffn.linear_1.weight = random(feed, hidden), random(feed, hidden), random(hidden, feed)
    spec.decoder.projection.weight = random(config["vocab_size"], hidden)
    words = [f"w{i}" for i in range(config["vocab_size"])]
    words[0], words[1], words[2] = "<pad>", "</s>", "<unk>"
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token, spec.config.decoder_start_token = "<pad>", "</s>", "<unk>", "<pad>"
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(folder)


def generate(translator, streams, length, tokens):
    sources = [[f"w{3 + (i * 37 + stream) % 1000}" for i in range(length)] for stream in range(streams)]

    def run(count):
        started = time.perf_counter()
        translator.translate_batch(sources, beam_size=1, min_decoding_length=count, max_decoding_length=count, max_batch_size=0)
        return time.perf_counter() - started

    # Nothing tells when the first token of a batch comes, so a run of one token is taken off.
    first = run(1)
    return {"first": first, "count": streams * (tokens - 1), "seconds": run(tokens) - first if tokens > 1 else 0}


state = {}
for line in sys.stdin:
    try:
        result = answer(json.loads(line), state)
    except Exception as error:  # Whatever is the matter, the comparison goes on without this engine.
        result = {"absent": str(error).splitlines()[0] if str(error) else type(error).__name__}
    print(json.dumps(result), flush=True)
