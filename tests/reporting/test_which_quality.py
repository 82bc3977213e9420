"""By which quality files are compared, and of which networks that is possible."""

from dataclasses import replace

from ca_deploy.api.report import WITHIN
from ca_deploy.records.report import Choice
from ca_deploy.reporting.choose import choices
from ca_deploy.reporting.found import Shipped
from tests.reporting.made import accuracy, made, only


def _on_sets(file: Shipped, label: str, ms: float, **top1: float) -> Shipped:
    found = tuple(accuracy(file, value, data=f"/{place}") for place, value in top1.items())
    return replace(made(file, label, ms=ms), accuracies=found)


def test_photos_that_disagree_are_said(file: Shipped) -> None:
    choice = only(_on_sets(file, "a", 1, val=90, test=70), _on_sets(file, "b", 2, val=85, test=88))
    assert choice.recommended == "b"
    (said,) = (doubt for doubt in choice.doubts if doubt.startswith("Other photos disagree"))
    assert "on /val (10000 photos) a has the best top-1, 90.00 %, where b has 85.00 %. Decided on /test." in said
    agreed = only(_on_sets(file, "a", 1, val=90, test=80), _on_sets(file, "b", 2, val=85, test=70))
    assert agreed.recommended == "a" and not any("Other photos" in doubt for doubt in agreed.doubts)


def test_of_sets_alike_the_harder_one_counts_whatever_it_is_called(file: Shipped) -> None:
    for easy, hard in (("val", "test"), ("test", "val")):
        choice = only(*(_on_sets(file, label, 1, **{easy: 90, hard: 70}) for label in "ab"))
        assert choice.quality.name.endswith(hard)


def test_few_images_of_an_agreement_are_said(file: Shipped) -> None:
    def agreeing(images: int, within: float) -> Choice:
        parity = replace(file.manifest.parity, images=images, agreement=100.0)
        return only(made(file, "a", ms=1, parity=parity), within=within)

    assert any("128 images give each agreement a 95 % interval of about ±1.4 points" in doubt
               and "one of them is 0.78 points" in doubt for doubt in agreeing(128, 1).doubts)  # fmt: skip
    assert not any("95 % interval" in doubt for doubt in agreeing(128, 2).doubts)
    assert not any("95 % interval" in doubt for doubt in agreeing(1000, 1).doubts)


def test_a_cheaper_file_that_few_photos_left_out_is_named(file: Shipped) -> None:
    """Two photos of 128 may be chance, and twelve not; a dearer file is no loss."""

    def doubts(photos: int, ms: float = 1) -> list[str]:
        def share(right: int) -> float:
            return 100 * right / 128

        short = made(file, "a", ms=ms)
        best = made(file, "b", ms=2)
        few = [
            replace(one, accuracies=(replace(accuracy(file, share(right)), images=128),))
            for one, right in ((short, 120 - photos), (best, 120))
        ]
        return [doubt for doubt in only(*few).doubts if "may be chance" in doubt]

    assert doubts(2) == [
        "a costs less, 1 ms, and was left out for 2 of 128 images, which may be chance. Only more images can tell."
    ]
    assert doubts(12) == doubts(2, ms=3) == doubts(1) == []  # one photo is less than the point that may be given up
    parities = [replace(file.manifest.parity, images=128, agreement=100 * right / 128) for right in (125, 128)]
    agreeing = only(
        *(made(file, label, ms=ms, parity=one) for label, ms, one in zip("ab", (1, 2), parities, strict=True))
    )
    assert agreeing.recommended == "b" and any("left out for 3 of 128 images" in doubt for doubt in agreeing.doubts)


def _of_networks(file: Shipped, **top1: float | None) -> tuple[Choice, ...]:
    models = {label: replace(file.manifest.model, checkpoint_sha256=label * 64) for label in top1}
    return choices([made(file, label, value, 1, model=models[label]) for label, value in top1.items()], WITHIN)


def test_a_network_without_accuracy_does_not_separate_the_others(file: Shipped) -> None:
    together, apart = _of_networks(file, a=80, b=None, c=90)
    assert together.files == ("a", "c") and together.recommended == "c" and apart.files == ("b",)
    for choice, others in ((together, ": b. Evaluate"), (apart, ": a, c. Evaluate")):
        assert any(
            "accuracy was not measured on the same photos" in doubt and others in doubt for doubt in choice.doubts
        )
    (all_known,) = _of_networks(file, a=80, b=70, c=90)
    assert not any("other networks" in doubt for doubt in all_known.doubts)


def test_networks_are_joined_by_whatever_photos_they_share(file: Shipped) -> None:
    def on(label: str, network: str, place: str) -> Shipped:
        model = replace(file.manifest.model, checkpoint_sha256=network * 64)
        return replace(made(file, label, ms=1, model=model), accuracies=(accuracy(file, 90, data=f"/{place}"),))

    files = [*(on(label, "1", "val") for label in "abc"), on("d", "2", "test"), on("e", "3", "test")]
    assert [choice.files for choice in choices(files, WITHIN)] == [("a", "b", "c"), ("d", "e")]


def test_files_of_other_jobs_are_not_named(file: Shipped) -> None:
    labels = tuple(reversed(file.manifest.labels or ()))
    for choice in choices((made(file, "a", ms=1), made(file, "b", ms=1, labels=labels)), WITHIN):
        assert not any("other networks" in doubt for doubt in choice.doubts)
