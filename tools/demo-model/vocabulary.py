"""The Unigram tokenizer: trained with SentencePiece, written as tokenizer.json in T5's layout."""
import base64
import json
import random
import struct

import sentencepiece

from tasks import Examples
from writer import Writer

PIECES, SENTINELS = 3996, 100
SIZE = PIECES + SENTINELS
CHARACTERS = "".join(map(chr, range(33, 127))) + "€£°éèêàâáäöüßñçóíøåæ–—’‘“”…•"


def train(grammar, folder, seed):
    """Trains on the grammar's own texts and keeps `spiece.model` in the folder."""
    model = folder / "spiece.model"
    if not model.exists():
        corpus = folder / "corpus.txt"
        rng = random.Random(seed)
        with corpus.open("w", encoding="utf-8") as out:
            examples = Examples(Writer(grammar, rng))
            for _ in range(16000):
                example = examples.make(rng.randrange(30, 120))
                out.write(example.prompt.replace("\n", " ") + "\n" + example.answer + "\n")
            # Every word of the lists once or more: a rare name should be few pieces too.
            for name, entries in grammar.words.items():
                words = list(entries.train)
                for _ in range(6):
                    rng.shuffle(words)
                    out.writelines(" ".join(words[i:i + 12]) + "\n" for i in range(0, len(words), 12))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=str(folder / "spiece"), vocab_size=PIECES, model_type="unigram", normalization_rule_name="nmt_nfkc",
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>", split_digits=True,
            required_chars=CHARACTERS, character_coverage=1.0, max_sentence_length=8000, num_threads=2, minloglevel=1, hard_vocab_limit=True)
        corpus.unlink()
    return Vocabulary(model.read_bytes())


class Vocabulary:
    """Pieces, scores and normaliser of a SentencePiece model, given as the bytes of its file."""

    def __init__(self, model):
        self.model = model
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    @staticmethod
    def from_tokenizer_json(path):
        """The SentencePiece model that `tokenizer_json` was written from."""
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        kinds = {"<pad>": 3, "</s>": 3, "<unk>": 2}
        pieces = [message((1, piece.encode()), (2, float(score)), (3, kinds.get(piece, 1))) for piece, score in tokenizer["model"]["vocab"][:PIECES]]
        trainer = message((3, 1), (40, 2), (41, -1), (42, 1), (43, 0), (45, b"<unk>"), (47, b"</s>"), (48, b"<pad>"))
        normalizer = message((1, b"nmt_nfkc"), (2, base64.b64decode(tokenizer["normalizer"]["precompiled_charsmap"])), (3, 1), (4, 1), (5, 1))
        return Vocabulary(message(*((1, piece) for piece in pieces), (2, trainer), (3, normalizer)))

    def encode(self, text):
        """Ids with the end token."""
        return self.processor.encode(text) + [1]

    def decode(self, ids):
        return self.processor.decode([i for i in ids if i < PIECES])

    def tokenizer_json(self):
        special = lambda id, content: {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        pieces = [[self.processor.id_to_piece(i), 0.0 if i < 3 else round(self.processor.get_score(i), 6)] for i in range(PIECES)]
        sentinels = [f"<extra_id_{i}>" for i in reversed(range(SENTINELS))]
        end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
        sequence = lambda name: {"Sequence": {"id": name, "type_id": 0}}
        metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [special(i, name) for i, name in enumerate(["<pad>", "</s>", "<unk>"])] + [special(PIECES + i, name) for i, name in enumerate(sentinels)],
            "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(self.model)).decode()},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [sequence("A"), end],
                "pair": [sequence("A"), end, sequence("B"), end],
                "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
            },
            "decoder": metaspace,
            "model": {"type": "Unigram", "unk_id": 2, "vocab": pieces + [[name, 0.0] for name in sentinels], "byte_fallback": False},
        }

    def write(self, folder):
        (folder / "tokenizer.json").write_text(json.dumps(self.tokenizer_json(), ensure_ascii=False, indent=0, separators=(",", ":")), encoding="utf-8")
        config = {
            "additional_special_tokens": [f"<extra_id_{i}>" for i in range(SENTINELS)],
            "clean_up_tokenization_spaces": False, "eos_token": "</s>", "extra_ids": SENTINELS, "model_max_length": 512,
            "pad_token": "<pad>", "tokenizer_class": "T5Tokenizer", "unk_token": "<unk>",
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def message(*parts):
    """A protobuf message of numbers, floats (4 bytes) and byte strings."""
    out = b""
    for number, value in parts:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value % (1 << 64))
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def charsmap(model):
    """The normaliser's compiled map: field 2 of field 3 (normalizer_spec) of a SentencePiece model (sentencepiece_model.proto)."""
    return dict(fields(dict(fields(model))[3]))[2]


def fields(message):
    """Number and value of the fields of one protobuf message; the last of a repeated one wins in a dict."""
    position = 0

    def read():
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(message):
        key = read()
        number, kind = key >> 3, key & 7
        length = {0: 0, 1: 8, 5: 4}.get(kind)
        if kind == 0:
            yield number, read()
            continue
        if length is None:
            length = read()
        yield number, message[position:position + length]
        position += length
