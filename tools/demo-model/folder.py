"""Reads and writes the model folder in the layout of a published repository."""
import json
import struct

import torch

from model import CONFIG, T5


def from_checkpoint(path, vocabulary):
    """The model, and the number of steps that it was trained."""
    model, state = T5(vocabulary), torch.load(path, map_location="cpu")
    model.load_state_dict(state["model"])
    return model, state["step"]


def config(vocabulary):
    return {
        "architectures": ["T5ForConditionalGeneration"],
        **CONFIG,
        "decoder_start_token_id": 0,
        "dense_act_fn": "gelu_new",
        "dropout_rate": 0.0,
        "eos_token_id": 1,
        "feed_forward_proj": "gated-gelu",
        "is_encoder_decoder": True,
        "is_gated_act": True,
        "model_type": "t5",
        "n_positions": 512,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        "vocab_size": vocabulary,
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def write(model, vocabulary, folder):
    """Writes all but the model card. The weights are stored as f16 (safetensors: length, JSON header, data)."""
    folder.mkdir(parents=True, exist_ok=True)
    header, data, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, tensor in model.named_tensors():
        values = tensor.detach().to("cpu", torch.float16).contiguous()
        assert torch.isfinite(values).all(), name
        raw = values.numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    write_json(folder / "config.json", config(model.shared.num_embeddings))
    write_json(folder / "generation_config.json", {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0})
    vocabulary.write(folder)


def read(folder):
    """The model of a folder that `write` wrote."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    raw = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    model = T5(settings["vocab_size"], {key: settings[key] for key in CONFIG})
    with torch.no_grad():
        for name, tensor in model.named_tensors():
            start, end = header[name]["data_offsets"]
            values = torch.frombuffer(bytearray(raw[8 + length + start:8 + length + end]), dtype=torch.float16)
            tensor.copy_(values.view(header[name]["shape"]).float())
    return model
