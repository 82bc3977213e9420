"""COCO's average precision, by pycocotools."""

import contextlib
import io
from collections.abc import Mapping, Sequence

import numpy as np

from ca_deploy.data.labelled_boxes import PhotoBoxes
from ca_deploy.tasks._boxes import Detections, Floats

Scored = tuple[PhotoBoxes, Floats, Detections]  # with the labelled boxes in the photo's pixels


def average_precision(
    photos: Sequence[Scored], labels: Sequence[str]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """AP (mean of IoU 0.50 to 0.95), AP50, AP75 and AR100 over all classes with boxes, and AP50 by class; in percent.

    Source: https://cocodataset.org/#detection-eval
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        known = COCO()
        known.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(len(photos))],
            "categories": [{"id": number, "name": name} for number, name in enumerate(labels)],
            "annotations": _annotations(photos),
        }
        known.createIndex()
        found = COCO()
        found.dataset = {**known.dataset, "annotations": _answers(photos)}
        found.createIndex()
        judged = COCOeval(known, found, "bbox")
        judged.evaluate()
        judged.accumulate()
    # IoU x recall x class x size of boxes x most detections; the first size is all, the last number is 100.
    precision, recall = judged.eval["precision"][..., 0, -1], judged.eval["recall"][..., 0, -1]
    figures = {"AP": precision, "AP50": precision[:1], "AP75": precision[5:6], "AR100": recall}
    by_class = {name: _mean(precision[0, :, number]) for number, name in enumerate(labels)}
    known_classes = {name: share for name, share in by_class.items() if np.isfinite(share)}
    return {name: _mean(values) for name, values in figures.items()}, known_classes


def _mean(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    """In percent; NaN for a class without boxes, which has -1 everywhere."""
    counted = values[values > -1]
    return float(100 * counted.mean()) if counted.size else float("nan")


def _annotations(photos: Sequence[Scored]) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = []
    for number, (truth, boxes, _) in enumerate(photos):
        for box, kind, ignored in zip(boxes.tolist(), truth.classes.tolist(), truth.ignored.tolist(), strict=True):
            # An id of 0 would count as "not matched" in pycocotools.
            listed.append(
                {"id": len(listed) + 1, "image_id": number, "category_id": kind, "iscrowd": int(ignored)} | _box(box)
            )
    return listed


def _answers(photos: Sequence[Scored]) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = []
    for number, (_, _, found) in enumerate(photos):
        rows = zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True)
        for box, score, kind in rows:
            listed.append({"id": len(listed) + 1, "image_id": number, "category_id": kind, "score": score} | _box(box))
    return listed


def _box(corners: Sequence[float]) -> dict[str, object]:
    left, top, right, bottom = corners
    return {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
