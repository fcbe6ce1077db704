"""Makes the files of this folder with PyTorch itself: python3 make.py (made with 1.13.0). expected.json holds what torch says that the tensors are."""

import json
from collections import OrderedDict

import torch


def tensors():
    torch.manual_seed(7)
    table = torch.randn(5, 3)
    block = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    linear = torch.nn.Linear(3, 2)
    return OrderedDict(
        {
            "shared.weight": table,
            "encoder.embed_tokens.weight": table,
            "transposed": table.t(),
            "rows": table[1:4],
            "columns": table[:, 1:],
            "permuted": block.permute(2, 0, 1),
            "expanded": torch.tensor([[1.5], [-2.0]]).expand(2, 3),
            "parameter": torch.nn.Parameter(torch.tensor([[0.1, -3.5], [1e-30, 65504.0]]).bfloat16()),
            "parameter.transposed": torch.nn.Parameter(torch.randn(2, 4).half().t(), requires_grad=False),
            "double": torch.tensor([1.0 / 3.0, 1e300, -0.0], dtype=torch.float64)[:1],
            "empty": torch.zeros(0, 4),
            "scalar": torch.tensor(-7.25),
            "linear.weight": linear.weight,
            "linear.bias": linear.bias,
            "position_ids": torch.arange(6).expand((1, -1)),
            "mask": torch.ones(4, 4, dtype=torch.bool).tril(),
            "bytes": torch.tensor([0, 255], dtype=torch.uint8),
            "small": torch.tensor([-128, 127], dtype=torch.int8),
            "num_batches_tracked": torch.tensor(3),
            "training_steps": 12,
            "note": "not a tensor",
        }
    )


def describe(value):
    return {
        "type": str(value.dtype).removeprefix("torch."),
        "shape": list(value.shape),
        "values": None if not value.is_floating_point() else value.detach().float().reshape(-1).tolist(),
    }


state = tensors()
state._metadata = OrderedDict({"": {"version": 1}, "linear": {"version": 1}})
torch.save(state, "zip.bin")
torch.save(state, "stream.bin", _use_new_zipfile_serialization=False)
optimizer = {"state": {0: {"step": 1, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0]}]}
torch.save({"epoch": 3, "loss": 0.25, "best": None, "optimizer": optimizer, "state_dict": state}, "nested.bin")
torch.save({"a": torch.nn.Linear(2, 2)}, "module.bin")
with open("expected.json", "w") as file:
    json.dump({name: describe(value) for name, value in state.items() if isinstance(value, torch.Tensor)}, file, indent=1)
    file.write("\n")
