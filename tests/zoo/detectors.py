"""Detectors in miniature: heads in the style of YOLO, SSD and CenterNet, whose outputs are one tensor or several."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.attention import CoordAtt
from tests.zoo.parts import conv, settled

IMAGE = (3, 64, 64)
_STRIDES = (8, 16, 32)


class Pyramid(nn.Module):
    """Maps of three strides, of 16 channels each, from a feature pyramid (arXiv 1612.03144) with Coordinate Attention.

    The larger maps get the smaller ones by nearest-neighbour upsampling.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 3, 2, act=nn.SiLU), conv(8, 16, 3, 2, act=nn.SiLU))
        self.stages = nn.ModuleList(conv(16, 16, 3, 2, act=nn.SiLU) for _ in _STRIDES)
        self.attention = CoordAtt(16)
        self.lateral = nn.ModuleList(conv(32, 16, 1, act=nn.SiLU) for _ in _STRIDES[1:])
        self.up = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        found[2] = self.attention(found[2])
        for level in (1, 0):
            found[level] = self.lateral[level](torch.cat([found[level], self.up(found[level + 1])], 1))
        return found


class YoloMaps(nn.Module):
    """A head of YOLOX (arXiv 2107.08430) that returns its three raw maps in a list, ``(N, 4 + 1 + 3, H, W)`` each."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = Pyramid()
        self.box = nn.ModuleList(nn.Conv2d(16, 4, 1) for _ in _STRIDES)
        self.score = nn.ModuleList(nn.Conv2d(16, 4, 1) for _ in _STRIDES)

    def maps(self, x: Tensor) -> list[Tensor]:
        levels = enumerate(self.neck(x))
        return [torch.cat([self.box[i](level), self.score[i](level)], 1) for i, level in levels]

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.maps(x)


class Yolo(YoloMaps):
    """The same, decoded as YOLOv8 exports it: boxes in pixels above scores in one tensor, ``(N, 4 + 4, boxes)``."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        boxes, scores = [], []
        for level, stride in zip(self.maps(x), _STRIDES, strict=True):
            height, width = level.shape[2:]
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            grid = torch.stack([columns, rows]).to(level.dtype).flatten(1)
            where, score = level.flatten(2).split([4, 4], 1)
            centre = (where[:, :2].sigmoid() * 2 - 0.5 + grid) * stride
            boxes.append(torch.cat([centre, (where[:, 2:].sigmoid() * 2) ** 2 * stride], 1))
            scores.append(score.sigmoid())
        return torch.cat([torch.cat(boxes, 2), torch.cat(scores, 2)], 1)


class Ssd(nn.Module):
    """SSDLite (arXiv 1801.04381): a tuple of boxes ``(N, 84, 4)`` and softmax scores ``(N, 84, 3)``."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = Pyramid()
        self.box = nn.ModuleList(nn.Conv2d(16, 4, 3, padding=1) for _ in _STRIDES)
        self.score = nn.ModuleList(nn.Conv2d(16, 3, 3, padding=1) for _ in _STRIDES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found: tuple[list[Tensor], list[Tensor]] = ([], [])
        for level, *heads in zip(self.neck(x), self.box, self.score, strict=True):
            for kept, head in zip(found, heads, strict=True):
                y = head(level).permute(0, 2, 3, 1).contiguous()
                kept.append(y.view(y.shape[0], -1, y.shape[3]))
        boxes, scores = (torch.cat(part, 1) for part in found)
        return boxes, scores.softmax(-1)


class CenterNet(nn.Module):
    """CenterNet (arXiv 1904.07850): a dict of heat map, size and offset, each ``(N, …, 16, 16)``."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2), CoordAtt(16))
        self.heads = nn.ModuleDict({name: nn.Conv2d(16, n, 1) for name, n in (("heat", 3), ("size", 2), ("offset", 2))})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.body(x)
        found = {name: head(y) for name, head in self.heads.items()}
        found["heat"] = found["heat"].sigmoid()
        return found


class HeatPeaks(nn.Module):
    """CenterNet's decoder: peaks are where a map equals its own 3x3 maximum; ``(N, 3, 16, 16)``, zero elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2), nn.Conv2d(16, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        heat = self.body(x).sigmoid()
        largest = functional.max_pool2d(heat, 3, 1, 1)
        found: Tensor = heat * (largest == heat).float()
        return found


class TopBoxes(nn.Module):
    """A detector that keeps its own 10 best boxes, by ``topk`` and ``gather``: ``(N, 10, 5)``."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2))
        self.box, self.score = nn.Conv2d(16, 4, 1), nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        boxes, scores = self.box(y).flatten(2).transpose(1, 2), self.score(y).flatten(1).sigmoid()
        best, places = scores.topk(10, dim=1)
        chosen = boxes.gather(1, places.unsqueeze(-1).expand(-1, -1, 4))
        return torch.cat([chosen, best.unsqueeze(-1)], -1)


def yolo() -> nn.Module:
    return settled(Yolo, IMAGE)


def yolo_maps() -> nn.Module:
    return settled(YoloMaps, IMAGE)


def ssd() -> nn.Module:
    return settled(Ssd, IMAGE)


def center_net() -> nn.Module:
    return settled(CenterNet, IMAGE)


def heat_peaks() -> nn.Module:
    return settled(HeatPeaks, IMAGE)


def top_boxes() -> nn.Module:
    return settled(TopBoxes, IMAGE)
