"""Whole networks, whole processes: `convcalc net` beside `convcalc shape` and beside torchinfo and fvcore.

Run: python benchmarks/networks.py [runs]. Every peer that is installed does the same job, layer by layer shapes,
parameters and multiply-accumulates, in a process of its own; the processes take turns, and medians of ratios are
printed. The networks are ResNet-50 and a chain of a thousand layers with branches.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from processes import process_seconds

THOUSAND_TOML = """
input = "64x56x56"
[[blocks]]
name = "residual"
[[blocks.layers]]
op = "conv"
kernel = 3
padding = 1
filters = 64
[[blocks.layers]]
op = "batch_norm"
[[blocks.layers]]
op = "relu"
[[blocks.layers]]
op = "add"
from = ["relu1", "input"]
[[layers]]
block = "residual"
repeat = 250
"""
TORCH = """
import torch
from torch import nn

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
    def forward(self, x):
        return self.body(x) + x

class Bottleneck(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
            nn.Conv2d(filters, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
            nn.Conv2d(filters, 4 * filters, 1, bias=False), nn.BatchNorm2d(4 * filters))
        self.shortcut = nn.Identity() if channels == 4 * filters and stride == 1 else nn.Sequential(
            nn.Conv2d(channels, 4 * filters, 1, stride, bias=False), nn.BatchNorm2d(4 * filters))
    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))

def resnet50():
    layers, channels = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for filters, repeat, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(repeat):
            layers.append(Bottleneck(channels, filters, stride if index == 0 else 1))
            channels = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000)), (1, 3, 224, 224)

def thousand():
    return nn.Sequential(*(Residual() for _ in range(250))), (1, 64, 56, 56)

network, shape = {network}()
network.eval()
"""
PEERS = {
    "torchinfo": "from torchinfo import summary\nsummary(network, shape, verbose=1)\n",
    "fvcore": "from fvcore.nn import FlopCountAnalysis, flop_count_table\n"
    "print(flop_count_table(FlopCountAnalysis(network, torch.zeros(shape)), max_depth=9))\n",
}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    convcalc = [sys.executable, "-m", "convcalc"]
    with tempfile.TemporaryDirectory() as folder:
        thousand = Path(folder) / "thousand.toml"
        thousand.write_text(THOUSAND_TOML)
        ours = {
            "resnet50": [*convcalc, "net", "resnet50", "--json"],
            "thousand": [*convcalc, "net", str(thousand), "--json"],
        }
        print("ours\tpeer\tours/peer\tours, seconds")
        for network, command in ours.items():
            peers = {"convcalc shape --json": [*convcalc, "shape", "--json"]}
            for peer, job in PEERS.items():
                if find_spec(peer) and find_spec("torch"):
                    script = Path(folder) / f"{network}-{peer}.py"
                    script.write_text(TORCH.replace("{network}", network) + job)
                    peers[peer] = [sys.executable, str(script)]
            for peer, other in peers.items():
                process_seconds(command), process_seconds(other)
                pairs = [(process_seconds(command), process_seconds(other)) for _ in range(runs)]
                ratio, own = median(a / b for a, b in pairs), median(a for a, _ in pairs)
                print(f"net {network}\t{peer}\t{ratio:.2f}\t{own:.2f}")


if __name__ == "__main__":
    main()
