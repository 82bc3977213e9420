"""The page in a real browser: complete without a script, sorted by one, readable on a phone and without a mouse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.hostile import MARKUP
from tests.reporting import kit

HOSTILE = "\"'><img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>" + MARKUP
STEM = "<img src=x onerror=document.title=1>'"
HOSTILE += "</style></svg></title>{{ 7 * 7 }}{% raw %}javascript:document.title='hacked'"


@pytest.fixture(scope="package")
def page_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "report.html"
    kit.run("report", folder, "--output", place)
    return place


@pytest.fixture
def opened(chromium: Browser, page_file: Path) -> Iterator[Page]:
    """The page, which says nothing on the console and asks for nothing."""
    with _open(chromium, page_file) as page:
        yield page


class _open:
    def __init__(self, chromium: Browser, place: Path, **options: Any) -> None:
        self.page = chromium.new_page(**options)
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.said.append(request.url))
        self.place = place

    def __enter__(self) -> Page:
        self.page.goto(self.place.as_uri())
        return self.page

    def __exit__(self, *failed: object) -> None:
        self.page.close()
        if failed[0] is None:
            assert [said for said in self.said if said[:5] != "data:"] == [self.place.as_uri()]


def _unfold(page: Page) -> None:
    """Everything is drawn, what is folded and what is not on the screen too."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.evaluate("document.querySelectorAll('section').forEach(s => { s.style.contentVisibility = 'visible' })")


def test_it_answers_first(opened: Page) -> None:
    answer = opened.locator("main .answer").first
    assert "Ship tiny_trained.onnx_" in answer.inner_text()
    assert answer.evaluate("e => e.getBoundingClientRect().top") < 300
    for heading in ("Files", "Parity with PyTorch", "Accuracy", "Speed", "Where delegates break"):
        assert opened.get_by_role("heading", name=heading, exact=True).count() == 1


def test_it_is_complete_without_its_script(chromium: Browser, page_file: Path, opened: Page) -> None:
    with _open(chromium, page_file, java_script_enabled=False) as plain:
        text = plain.locator("main").text_content()
    assert text == opened.locator("main").text_content()


def _column(table: Any, column: int) -> list[str]:
    found: list[str] = table.evaluate(f"t => [...t.tBodies[0].rows].map(r => r.cells[{column}].textContent)")
    return found


_SORT_ALL = """() => [...document.querySelectorAll("table")].flatMap((table) =>
  [...table.tHead.rows[0].cells].filter((head) => head.tagName === "TH" && head.textContent.trim()).map((head) => {
    const read = () => [...table.tBodies[0].rows].map((row) => row.cells[head.cellIndex].textContent);
    const said = [read()], sorts = [];
    for (const _ of [1, 2]) {
      head.querySelector("button").click();
      said.push(read());
      sorts.push(head.getAttribute("aria-sort"));
    }
    return [...said, sorts];
  }))"""


def test_every_table_sorts_by_every_column(opened: Page) -> None:
    done = opened.evaluate(_SORT_ALL)
    assert len(done) > 40
    for before, up, down, sorts in done:
        assert sorts == ["ascending", "descending"]
        assert sorted(before) == sorted(up) == sorted(down)
        if len(set(before)) == len(before) and "" not in before:
            assert up == down[::-1]


def test_a_table_is_sorted_by_keyboard(opened: Page) -> None:
    button = opened.locator("#choice table th button").nth(1)
    assert button.get_attribute("type") == "button"
    button.focus()
    opened.keyboard.press("Enter")
    assert button.locator("..").get_attribute("aria-sort") == "ascending"
    opened.keyboard.press("Space")
    assert button.locator("..").get_attribute("aria-sort") == "descending"
    assert _column(opened.locator("#choice table"), 1) == sorted(kit.FILES, reverse=True)


def test_numbers_are_sorted_as_numbers(opened: Page) -> None:
    table = opened.locator("#choice table")
    heading = next(one for one in table.locator("th").all() if "size" in (one.text_content() or ""))
    column = heading.evaluate("h => h.cellIndex")
    heading.locator("button").click()
    sizes = [float(text) for text in _column(table, column)]
    assert sizes == sorted(sizes) and len(sizes) == len(kit.FILES)


@pytest.mark.parametrize("width", [320, 390, 981, 1280])
def test_nothing_lies_beside_the_screen(chromium: Browser, page_file: Path, width: int) -> None:
    with _open(chromium, page_file, viewport={"width": width, "height": 800}) as page:
        _unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious(chromium: Browser, page_file: Path, scheme: Any, width: int) -> None:
    with _open(
        chromium, page_file, color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
    ) as page:
        _unfold(page)
        found = Axe().run(page).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert not serious


def test_files_in_a_plot_are_named_by_mouse_keyboard_and_screen_reader(opened: Page) -> None:
    dots = opened.locator("figure.scatter").first.locator("a.dot")
    assert dots.count() == len(kit.FILES)
    for dot in dots.all():
        tip = dot.locator(".tip")
        assert not tip.is_visible()
        dot.locator("circle").hover()
        assert tip.is_visible() and "tiny_trained.onnx_" in (tip.text_content() or "")
        opened.mouse.move(0, 0)
        dot.focus()
        assert tip.is_visible() and dot.get_attribute("aria-label") == tip.text_content()
    label = dots.first.get_attribute("aria-label")
    assert label is not None and label in opened.locator("main").aria_snapshot()
    dots.first.press("Enter")
    number = label.partition(".")[0]
    expect(opened.locator(f"#file-{number}")).to_have_attribute("open", "")  # the browser follows a link in its time


def test_errors_by_layer_are_drawn_and_listed(opened: Page) -> None:
    _unfold(opened)
    layers = opened.locator("details", has_text=f"Error by layer of {kit.FILES[1]}").first
    assert layers.locator("path.level").get_attribute("d")
    assert "block.attention" in _column(layers.locator("table"), 0)


def test_the_paper_has_what_is_folded(chromium: Browser, page_file: Path) -> None:
    with _open(chromium, page_file, java_script_enabled=False) as page:
        page.emulate_media(media="print")
        command = page.locator("pre").first
        assert command.is_visible() and command.evaluate("e => e.getBoundingClientRect().height") > 0
        assert not page.locator("nav").is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_hostile_names_do_nothing(chromium: Browser, folder: Path, tmp_path: Path) -> None:
    """Neither through the first wall, which escapes, alone, nor through both."""
    spoiled = kit.spoiled(folder, tmp_path / "spoiled", STEM, HOSTILE)
    kit.run("report", spoiled, "--output", tmp_path / "report.html")
    for bypass_csp in (True, False):
        with _open(chromium, tmp_path / "report.html", bypass_csp=bypass_csp) as page:
            _unfold(page)
            assert page.title() == "Which file do I ship?"
            assert page.locator("script").count() == page.locator("style").count() == 1
            assert page.locator("img[src=x]").count() == 0
            attributes = page.evaluate("[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())")
            assert attributes and not [name for name in attributes if name.startswith("on")]
            shown = page.locator("main").inner_text()
            for text in (STEM, "document.title='hacked'</script>", "{{ 7 * 7 }}{% raw %}", "\\x1b[31m\\x07\\r<b>"):
                assert text in shown
            assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_only_what_is_written_in_the_page_may_run(chromium: Browser, page_file: Path) -> None:
    """The second wall: a script that came in all the same would not run."""
    with _open(chromium, page_file) as page:
        policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert policy is not None and policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert "http" not in page_file.read_text(encoding="utf-8").replace("http-equiv", "")
    page = chromium.new_page()
    page.goto(page_file.as_uri())
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))")
    assert page.title() == "Which file do I ship?"
    page.close()
