"""The page in a real browser: how wide it is on a phone, and how it is printed."""

import json
import re
import subprocess

import pytest

from cellwright.report.page import html

WIDTHS = (320, 360, 768, 1200)
MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const source = PAGE, widths = WIDTHS, found = {};
function measure(width) {
  const frame = document.createElement("iframe");
  frame.style = `width:${width}px;height:800px;border:0`;
  frame.onload = () => {
    const page = frame.contentDocument, root = page.documentElement;
    const scrolled = element => element.closest(".scroll, pre, .equations");
    const wide = [...page.querySelectorAll("body *")].filter(
      element => !scrolled(element) && element.getBoundingClientRect().right > root.clientWidth + 0.5);
    const drawn = [...page.querySelectorAll("figure svg")].filter(picture => picture.getBoundingClientRect().width > 0);
    found[width] = {
      width: root.clientWidth, content: root.scrollWidth, wide: wide.map(element => element.outerHTML.slice(0, 80)),
      foreign: page.querySelectorAll("script, img, u").length, ran: typeof frame.contentWindow.ran,
      pictures: drawn.length, narrowest: Math.min(...drawn.map(picture => picture.getBoundingClientRect().width)),
    };
    frame.remove();
    if (Object.keys(found).length == widths.length) document.body.append(`FOUND${JSON.stringify(found)}END`);
  };
  frame.srcdoc = source;
  document.body.append(frame);
}
widths.forEach(measure);
</script>"""


@pytest.fixture(scope="module")
def browse(needs, tmp_path_factory):
    """Runs the browser without a window and gives what it writes."""
    program = needs.program("chromium", "chromium-browser", "google-chrome", remedy="apt install chromium")
    profile = tmp_path_factory.mktemp("profile")

    def run(*arguments):
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
        )
        done = subprocess.run([program, *options, *map(str, arguments)], capture_output=True, timeout=120, check=True)
        return done.stdout.decode()

    return run


# One of the two drawings of the forecast or of the confusion is shown, and every other figure but the arrays' maps.
FIGURES = {"record": 5, "several": 7, "classified": 5, "hostile": 7, "hostile_classes": 5}


@pytest.fixture(scope="module", params=FIGURES)
def measured(browse, request, tmp_path_factory):
    """What the browser makes of the page of a run, by the width of its window; and how many figures it has."""
    record = request.getfixturevalue(request.param)
    page = json.dumps(html(record)).replace("</", "<\\/")
    harness = tmp_path_factory.mktemp("measure") / "measure.html"
    harness.write_text(MEASURE.replace("WIDTHS", str(list(WIDTHS))).replace("PAGE", page), encoding="utf-8")
    answer = browse("--dump-dom", "--virtual-time-budget=10000", harness.as_uri())
    found = re.search(r"FOUND(\{.*\})END", answer)
    assert found, answer[-2000:]
    found = found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(found), FIGURES[request.param] + 4 * len(record.arrays)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_as_wide_as_the_screen(measured, width):
    """At 360 pixels, a phone, and at 320, at which WCAG 2.2 (1.4.10) asks that nobody has to scroll sideways.

    Names in a file that are markup add no element and run nothing.
    """
    found, figures = measured
    found = found[str(width)]
    assert found["content"] <= found["width"] <= width
    assert found["wide"] == []
    assert found["pictures"] == figures
    assert found["narrowest"] > 0.6 * min(width, 400)
    assert (found["foreign"], found["ran"]) == (0, "undefined")


def test_the_page_prints(browse, source, tmp_path):
    (tmp_path / "report.html").write_text(source, encoding="utf-8")
    printed = tmp_path / "report.pdf"
    browse("--no-pdf-header-footer", f"--print-to-pdf={printed}", (tmp_path / "report.html").as_uri())
    data = printed.read_bytes()
    assert data.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 3 <= pages <= 12
