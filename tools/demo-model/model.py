"""T5 v1.1 (gated GELU, tied head) in plain PyTorch, with the tensor names of published checkpoints.

Source: Raffel et al. 2020 and Shazeer 2020; relative position buckets as in the reference implementation.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

CONFIG = {
    "d_model": 192,
    "d_kv": 32,
    "d_ff": 512,
    "num_heads": 6,
    "num_layers": 4,
    "num_decoder_layers": 2,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
}

# Layers start as small changes of the stream.
QUIET = 0.3
# Tokens of an answer of ordinary length.
USUAL_ANSWER = 16
# How loud the pieces before are written at the start, and how much each of them (one, two, three before) counts in looking for a place.
COPY_WRITE, COPY_MATCH = 2.0, (1.0, 0.7, 0.5)
# The cross-attention heads that start by looking for the place of the next piece; the others are free to learn where an answer begins.
COPY_HEADS, COPY_SCALE, COPY_OUT = 3, 0.3, 5.0
# The encoder's heads that look for the same piece elsewhere: by itself in the first two layers, and together with the piece before it in the second.
SAME_HEAD, SAME_PAIR_HEAD = 3, 4
# How loud it is written that a piece stands elsewhere too.
FLAG = 0.6
# The decoder's head that remembers what has been written; the cross-attention heads of its second layer that avoid it, and how much.
HISTORY_HEAD, HISTORY_WRITE, AVOIDING_HEADS, AVOID = 3, 4.0, 3, 2.0


def position_buckets(queries, keys, is_bidirectional, buckets, max_distance):
    """Bucket of every (query, key) pair: exact for near keys, logarithmic for far ones. Shape (queries, keys)."""
    distance = torch.arange(keys)[None, :] - torch.arange(queries)[:, None]
    result = torch.zeros_like(distance)
    if is_bidirectional:
        buckets //= 2
        result += (distance > 0).long() * buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    exact = buckets // 2
    far = exact + (torch.log(distance.clamp(min=1).float() / exact) / math.log(max_distance / exact) * (buckets - exact)).long()
    return result + torch.where(distance < exact, distance, far.clamp(max=buckets - 1))


class Norm(nn.Module):
    """Root mean square norm without mean and bias."""

    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config["d_model"]))
        self.epsilon = config["layer_norm_epsilon"]

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


class Attention(nn.Module):
    """Attention without scaling; the bias comes from outside."""

    def __init__(self, config, has_position_bias=False):
        super().__init__()
        self.heads, self.d_kv = config["num_heads"], config["d_kv"]
        inner = self.heads * self.d_kv
        self.q = nn.Linear(config["d_model"], inner, bias=False)
        self.k = nn.Linear(config["d_model"], inner, bias=False)
        self.v = nn.Linear(config["d_model"], inner, bias=False)
        self.o = nn.Linear(inner, config["d_model"], bias=False)
        nn.init.normal_(self.q.weight, std=(config["d_model"] * self.d_kv) ** -0.5)
        nn.init.normal_(self.k.weight, std=config["d_model"] ** -0.5)
        nn.init.normal_(self.v.weight, std=config["d_model"] ** -0.5)
        nn.init.normal_(self.o.weight, std=QUIET * inner ** -0.5)
        if has_position_bias:
            self.relative_attention_bias = nn.Embedding(config["relative_attention_num_buckets"], self.heads)
            nn.init.normal_(self.relative_attention_bias.weight, std=0.1)

    def split(self, x):
        return x.view(x.shape[0], -1, self.heads, self.d_kv).transpose(1, 2)

    def keys(self, memory):
        return self.split(self.k(memory)), self.split(self.v(memory))

    def forward(self, x, keys, values, bias):
        scores = torch.matmul(self.split(self.q(x)), keys.transpose(2, 3)) + bias
        mixed = torch.matmul(F.softmax(scores, dim=-1), values)
        return self.o(mixed.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))


def look_back(attention, head, distance, read, write):
    """Makes a head attend to the piece so many positions before, and write what `read` sees of it where `write` points."""
    rows = slice(head * attention.d_kv, (head + 1) * attention.d_kv)
    attention.relative_attention_bias.weight[distance, head] = 8.0
    attention.q.weight[rows] *= 0.3
    attention.v.weight[rows] = read.t()
    attention.o.weight[:, rows] = write * COPY_WRITE


def look_elsewhere(attention, head, matched, read, write):
    """Makes a head attend to other positions of the same `matched` part, and write what `read` sees there where `write` points."""
    rows = slice(head * attention.d_kv, (head + 1) * attention.d_kv)
    attention.q.weight[rows] = matched.t()
    attention.k.weight[rows] = matched.t()
    attention.v.weight[rows] = read.t()
    attention.o.weight[:, rows] = write * COPY_WRITE


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.wi_0 = nn.Linear(config["d_model"], config["d_ff"], bias=False)
        self.wi_1 = nn.Linear(config["d_model"], config["d_ff"], bias=False)
        self.wo = nn.Linear(config["d_ff"], config["d_model"], bias=False)
        for layer in (self.wi_0, self.wi_1):
            nn.init.normal_(layer.weight, std=config["d_model"] ** -0.5)
        nn.init.normal_(self.wo.weight, std=QUIET * config["d_ff"] ** -0.5)

    def forward(self, x):
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class Block(nn.Module):
    """Self-attention, cross-attention in a decoder, feed-forward; each on the norm of the stream and added to it."""

    def __init__(self, config, is_decoder, is_first):
        super().__init__()
        self.norm_self, self.attention = Norm(config), Attention(config, is_first)
        if is_decoder:
            self.norm_cross, self.cross = Norm(config), Attention(config)
        self.norm_ff, self.feed_forward = Norm(config), FeedForward(config)

    def forward(self, x, bias, memory=None, memory_bias=None, cache=None):
        normed = self.norm_self(x)
        keys, values = self.attention.keys(normed)
        if cache is not None:
            if "self" in cache:
                keys, values = torch.cat([cache["self"][0], keys], 2), torch.cat([cache["self"][1], values], 2)
            cache["self"] = keys, values
        x = x + self.attention(normed, keys, values, bias)
        if memory is not None:
            cross = cache.get("cross") if cache is not None else None
            if cross is None:
                cross = self.cross.keys(memory)
                if cache is not None:
                    cache["cross"] = cross
            x = x + self.cross(self.norm_cross(x), *cross, memory_bias)
        return x + self.feed_forward(self.norm_ff(x))


class T5(nn.Module):
    """Encoder-decoder. Token ids are (batch, length); 0 pads and starts the decoder."""

    def __init__(self, vocabulary, config=None):
        super().__init__()
        self.config = config = dict(CONFIG, **(config or {}))
        self.shared = nn.Embedding(vocabulary, config["d_model"])
        nn.init.normal_(self.shared.weight, std=1.0)
        self.encoder = nn.ModuleList(Block(config, False, i == 0) for i in range(config["num_layers"]))
        self.decoder = nn.ModuleList(Block(config, True, i == 0) for i in range(config["num_decoder_layers"]))
        self.encoder_norm, self.decoder_norm = Norm(config), Norm(config)
        self.start_copying()

    @torch.no_grad()
    def start_copying(self):
        """Starts as a machine that copies and notices repetitions, which it would else take most of the training to become.

        Encoder heads 0, 1, 2 write projections of the pieces one, two and three before into each position; the decoder's first heads do the same
        for what it has written. Some cross-attention heads look for the positions where these agree; cross-attention puts out the piece that
        it looks at (its value and output projections start at the identity). Two more encoder heads look for the same piece elsewhere, and the
        first feed-forward network compares what they found with the piece itself.
        """
        config = self.config
        d_kv, d_model = config["d_kv"], config["d_model"]
        blocks = lambda: torch.linalg.qr(torch.randn(d_model, d_model))[0].split(d_kv, dim=1)
        projection = lambda: torch.linalg.qr(torch.randn(d_model, d_kv))[0]
        writes, echoes = blocks(), blocks()
        same, found, flag = writes[3], writes[4], writes[5][:, :1]
        encoder, decoder = self.encoder[0].attention, self.decoder[0].attention
        query, key = torch.zeros(d_kv, d_model), torch.zeros(d_kv, d_model)
        for back, weight in enumerate(COPY_MATCH):
            read = projection()
            look_back(encoder, back, back + 1, read, writes[back])
            key += writes[back].t()
            if back == 0:
                query += weight * read.t()
            else:
                look_back(decoder, back, back, read, echoes[back])
                query += weight / COPY_WRITE * echoes[back].t()
        for block in self.decoder:
            block.cross.v.weight.copy_(torch.eye(d_model))
            block.cross.o.weight.copy_(torch.eye(d_model) * COPY_WRITE)
        cross = self.decoder[0].cross
        rows = slice(0, COPY_HEADS * d_kv)
        cross.q.weight[rows] = cross.q.weight[rows] * 0.5 + query.repeat(COPY_HEADS, 1) * COPY_SCALE
        cross.o.weight[:, rows] = torch.eye(d_model)[:, rows] * COPY_OUT
        cross.k.weight[rows] = cross.k.weight[rows] * 0.5 + key.repeat(COPY_HEADS, 1)
        self.start_noticing(same, found, writes[0], flag)
        self.start_remembering(same, echoes[0])

    def start_noticing(self, same, found, echo, flag):
        """The encoder's part that finds repetitions. It writes `flag` where a piece stands elsewhere too."""
        encoder, size = self.encoder[0].attention, same.shape[1]
        # Bucket 0 of the position bias is the position itself.
        for head in (SAME_HEAD, SAME_PAIR_HEAD):
            encoder.relative_attention_bias.weight[0, head] = -20.0
        look_elsewhere(encoder, SAME_HEAD, 0.6 * same, same, found)
        second = self.encoder[1].attention
        context = second.v.weight[:size].t().clone()
        look_elsewhere(second, SAME_HEAD, same, context, found * QUIET)
        look_elsewhere(second, SAME_PAIR_HEAD, same + 0.5 * echo, context, found * QUIET)
        # A gated unit and its mirror image multiply: gelu(s) m + gelu(-s) (-m) = s m.
        network = self.encoder[0].feed_forward
        for rows, sign in ((slice(0, size), 1.0), (slice(size, 2 * size), -1.0)):
            network.wi_0.weight[rows] = sign * same.t()
            network.wi_1.weight[rows] = sign * found.t()
            network.wo.weight[:, rows] = flag * FLAG

    def start_remembering(self, same, written):
        """The decoder's part that avoids what it has written: a mean of all pieces so far, which some cross-attention heads look away from."""
        decoder, cross = self.decoder[0].attention, self.decoder[1].cross
        rows = slice(HISTORY_HEAD * decoder.d_kv, (HISTORY_HEAD + 1) * decoder.d_kv)
        decoder.relative_attention_bias.weight[:, HISTORY_HEAD] = 0.0
        decoder.q.weight[rows] *= 0.1
        decoder.v.weight[rows] = same.t()
        decoder.o.weight[:, rows] = written * HISTORY_WRITE
        rows = slice(0, AVOIDING_HEADS * decoder.d_kv)
        cross.q.weight[rows] = cross.q.weight[rows] * 0.5 - AVOID * written.t().repeat(AVOIDING_HEADS, 1)
        cross.k.weight[rows] = cross.k.weight[rows] * 0.5 + same.t().repeat(AVOIDING_HEADS, 1)

    def bias(self, block, queries, keys, is_bidirectional):
        config = self.config
        buckets = position_buckets(queries, keys, is_bidirectional, config["relative_attention_num_buckets"], config["relative_attention_max_distance"])
        return block.attention.relative_attention_bias(buckets.to(self.shared.weight.device)).permute(2, 0, 1)[None]

    def encode(self, ids):
        """Returns the memory (batch, length, d_model) and the bias that hides its padding."""
        hidden = (ids == 0)[:, None, None, :].float() * -1e9
        bias = self.bias(self.encoder[0], ids.shape[1], ids.shape[1], True) + hidden
        x = self.shared(ids)
        for block in self.encoder:
            x = block(x, bias)
        return self.encoder_norm(x), hidden

    def head(self, x):
        return F.linear(self.decoder_norm(x) * self.config["d_model"] ** -0.5, self.shared.weight)

    def decode(self, ids, memory, memory_bias):
        """Hidden states of all positions: (batch, length, d_model)."""
        length = ids.shape[1]
        later = torch.full((length, length), -1e9, device=ids.device).triu(1)
        bias = self.bias(self.decoder[0], length, length, False) + later
        x = self.shared(ids)
        for block in self.decoder:
            x = block(x, bias, memory, memory_bias)
        return x

    def loss(self, ids, targets):
        """Cross entropy over all target tokens, in nats. Targets end with the end token and are padded with 0. A token of a short answer counts more."""
        inputs = torch.cat([torch.zeros_like(targets[:, :1]), targets[:, :-1]], 1)
        memory, memory_bias = self.encode(ids)
        states = self.decode(inputs, memory, memory_bias)
        wanted = targets != 0
        weights = (wanted.sum(1, keepdim=True).float() / USUAL_ANSWER).rsqrt().expand_as(targets)[wanted]
        return (F.cross_entropy(self.head(states[wanted]), targets[wanted], reduction="none") * weights).sum()

    @torch.no_grad()
    def generate(self, ids, max_tokens, end=1):
        """Greedy decoding of a batch with a cache. Returns a list of lists of ids without the end token."""
        memory, memory_bias = self.encode(ids)
        caches = [{} for _ in self.decoder]
        rows, done = [[] for _ in range(len(ids))], [False] * len(ids)
        token = torch.zeros(len(ids), 1, dtype=torch.long, device=ids.device)
        whole = self.bias(self.decoder[0], max_tokens, max_tokens, False)
        for step in range(max_tokens):
            bias = whole[:, :, step:step + 1, :step + 1]
            x = self.shared(token)
            for block, cache in zip(self.decoder, caches):
                x = block(x, bias, memory, memory_bias, cache)
            token = self.head(x[:, -1:]).argmax(-1)
            for row, value in enumerate(token[:, 0].tolist()):
                done[row] = done[row] or value == end
                if not done[row]:
                    rows[row].append(value)
            if all(done):
                break
        return rows

    def matrices(self):
        """The weights of the projections inside of the layers."""
        return [module.weight for module in self.modules() if isinstance(module, nn.Linear)]

    def named_tensors(self):
        """Name in a published checkpoint, tensor."""
        def stack(name, blocks, norm, is_decoder):
            for index, block in enumerate(blocks):
                base = f"{name}.block.{index}.layer"
                parts = [("SelfAttention", block.attention, block.norm_self)]
                if is_decoder:
                    parts.append(("EncDecAttention", block.cross, block.norm_cross))
                for layer, (part, attention, layer_norm) in enumerate(parts):
                    for projection in "qkvo":
                        yield f"{base}.{layer}.{part}.{projection}.weight", getattr(attention, projection).weight
                    if hasattr(attention, "relative_attention_bias"):
                        yield f"{base}.{layer}.{part}.relative_attention_bias.weight", attention.relative_attention_bias.weight
                    yield f"{base}.{layer}.layer_norm.weight", layer_norm.weight
                for projection in ("wi_0", "wi_1", "wo"):
                    yield f"{base}.{len(parts)}.DenseReluDense.{projection}.weight", getattr(block.feed_forward, projection).weight
                yield f"{base}.{len(parts)}.layer_norm.weight", block.norm_ff.weight
            yield f"{name}.final_layer_norm.weight", norm.weight

        yield "shared.weight", self.shared.weight
        yield from stack("encoder", self.encoder, self.encoder_norm, False)
        yield from stack("decoder", self.decoder, self.decoder_norm, True)
