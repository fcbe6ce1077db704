"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before it is applied. It learns faster per step than Adam does."""
import torch
import torch.distributed as distributed

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(matrices):
    """The nearest orthogonal matrices, roughly: five Newton-Schulz steps. (count, rows, columns) with rows <= columns."""
    a, b, c = COEFFICIENTS
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * square @ square) @ x
    return x


def flat_lying(matrix):
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.t()


class Muon:
    """For the matrices inside of the layers. The work is shared out among the processes."""

    def __init__(self, parameters, rank, size):
        self.parameters, self.rank, self.size = parameters, rank, size
        self.momentum = [torch.zeros_like(p) for p in parameters]
        # Matrices of one shape together; a tall one lies down.
        self.groups = {}
        for index, p in enumerate(parameters):
            self.groups.setdefault((min(p.shape), max(p.shape)), []).append(index)

    def state_dict(self):
        return {"momentum": self.momentum}

    def load_state_dict(self, state):
        self.momentum = state["momentum"]

    @torch.no_grad()
    def step(self, rate):
        ahead, updates = [], [torch.zeros_like(p) for p in self.parameters]
        for p, momentum in zip(self.parameters, self.momentum):
            momentum.lerp_(p.grad, 1 - MOMENTUM)
            ahead.append(flat_lying(p.grad.lerp(momentum, MOMENTUM)))
        for indices in self.groups.values():
            mine = indices[self.rank::self.size]
            if mine:
                for i, update in zip(mine, orthogonal(torch.stack([ahead[i] for i in mine]))):
                    flat_lying(updates[i]).copy_(update)
        if self.size > 1:
            flat = torch.cat([u.reshape(-1) for u in updates])
            distributed.all_reduce(flat)
            updates = [u.view_as(p) for u, p in zip(flat.split([p.numel() for p in self.parameters]), self.parameters)]
        for p, update in zip(self.parameters, updates):
            p.add_(update, alpha=-rate * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)
