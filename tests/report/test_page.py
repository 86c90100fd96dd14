import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from cellwright import units
from cellwright.report import story, wording
from cellwright.report.forecast_record import ForecastReport
from cellwright.report.page import html, safe_mathml

VOID = {"meta", "br", "link", "img", "input", "hr", "wbr"}
NUMBERS = wording.Numbers()
ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


class Page(HTMLParser):
    """Reads a page as a browser would, and notes what is open, what is shown and what is referred to."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.shown, self.elements = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"{tag} closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.shown.append(data)

    @property
    def text(self):
        return "".join(self.shown)

    def named(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def test_the_page_is_one_well_formed_document(page, source):
    assert source.lstrip().startswith("<!DOCTYPE html>")
    assert ("html", {"lang": "en"}) in page.elements
    for tag in ("html", "head", "body", "main", "h1", "title"):
        assert len(page.named(tag)) == 1, tag
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named("meta")
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_headings_are_in_order_and_sections_are_named_by_them(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    headings = {attributes["id"] for attributes in page.named("h2")}
    assert {attributes["aria-labelledby"] for attributes in page.named("section")} == headings


def test_nothing_is_loaded_from_elsewhere(page, source):
    for tag, attributes in page.elements:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "action", "srcset"):
                assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:60])
            assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", value or "")), (tag, name)
    style = "".join(re.findall(r"<style>(.*?)</style>", source, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    policies = [attributes["content"] for attributes in page.named("meta") if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_every_figure_is_described_in_words(page, record):
    pictures = page.named("svg")
    assert len(pictures) == 6 + 4 * len(record.arrays)
    assert all(attributes["role"] == "img" and len(attributes["aria-label"]) > 30 for attributes in pictures)
    assert len(page.named("figure")) == len(page.named("figcaption"))


def numbers(record: ForecastReport):
    """Every number of the record that a reader must find, as it is written."""
    for baseline in record.baselines:
        yield NUMBERS.error(baseline.error)
        yield wording.percent(record.percent_of_range(baseline.error))
    for score in (record.software, record.chip_whole):
        yield NUMBERS.with_std(score)
        yield wording.percent(record.percent_of_range(score.mean))
        yield NUMBERS.spread(score.percentiles)
    for cause in record.causes:
        yield NUMBERS.with_std(cause.alone)
        yield NUMBERS.with_std(cause.without)
    departures = [score for cause in record.causes for score in (cause.departure_alone, cause.departure_without)]
    for score in (*departures, record.departure):
        yield f"{NUMBERS.median(score)} {NUMBERS.spread(score.percentiles)}"
    for array in record.arrays:
        programming = array.programming
        yield f"{array.rows} × {array.columns}"
        yield wording.fraction(programming.yield_fraction)
        yield wording.integer(programming.pulses)
        yield units.quantity(programming.energy_j, "J")
        yield units.quantity(programming.time_s, "s")
    for part in (*record.cost.items, record.cost):
        yield units.quantity(getattr(part, "energy_j", record.cost.energy_per_step_j), "J")
        yield units.quantity(getattr(part, "latency_s", record.cost.latency_per_step_s), "s")
        yield units.area(part.area_m2)
    yield units.quantity(record.cost.power_w, "W")
    yield units.quantity(record.digital.power_w, "W")
    yield units.quantity(record.digital.energy_per_step_j, "J")
    for system in record.published:
        yield units.quantity(system.power_w, "W", 5)
        yield units.area(system.area_m2, 5)
    for kind, number in record.counts.items():
        yield f"{wording.integer(number)} {kind}"
    yield from map(str, record.seeds)


def test_every_number_of_the_record_is_on_the_page(page, record):
    missing = [number for number in numbers(record) if number not in page.text]
    assert not missing


def test_every_text_of_the_record_is_on_the_page(page, record):
    words = [
        record.title,
        record.command,
        record.recipe,
        record.cell,
        record.device,
        record.citation,
        record.device_source,
    ]
    words += [record.data_source, record.recipe_description, record.counts_formula, *record.versions.values()]
    words += [text for cause in record.causes for text in (cause.title, cause.description)]
    words += [text for setting in record.chip_settings.items() for text in setting]
    words += ["Assumed: read noise 0.5 % of G, 10 µm × 10 µm a cell.", story.cost(record)]
    words += [text for i in record.cost.items for text in (i.item, i.value, i.source, i.uncertainty)]
    for system in (record.digital, *record.published):
        words += [system.name, system.set_up, system.error, system.reading, system.source, system.certainty]
    words += [equation.latex for equation in record.equations]
    assert not [text for text in words if text not in page.text]
    assert len(page.named("math")) == len(record.equations)


def test_what_a_user_names_stays_text(record):
    array = replace(record.arrays[0], name=ATTACK, row_groups=((ATTACK, 34),))
    cause = replace(record.causes[0], name=ATTACK, description=ATTACK)
    system = replace(record.digital, name=ATTACK, source=ATTACK + " 2019", error=ATTACK, reading=ATTACK, set_up=ATTACK)
    item = replace(record.cost.items[0], item=ATTACK, value=ATTACK, source=ATTACK, uncertainty=ATTACK)
    baseline = replace(record.baselines[0], title=ATTACK)
    names = "task title unit period cell recipe recipe_description device device_source device_assumed command loss"
    texts = dict.fromkeys([*names.split(), "counts_formula", "citation", "data_source"], ATTACK)
    hostile = replace(
        record,
        **texts,
        arrays=(array,),
        causes=(cause,),
        digital=system,
        published=(system,),
        cost=replace(record.cost, items=(item,)),
        baselines=(baseline,),
        gates={ATTACK: record.gates["i"]},
        labels=tuple(ATTACK for _ in record.labels),
        versions={ATTACK: ATTACK},
        counts={ATTACK: 1},
        chip_settings={ATTACK: ATTACK},
        sizes={ATTACK: 1},
        left_digital=(ATTACK,),
        equations=(replace(record.equations[0], unicode=ATTACK, latex=ATTACK, mathml=f"<math>{ATTACK}</math>"),),
    )
    page = Page(html(hostile))
    assert not page.named("script", "img", "image-x")
    assert not [attributes for _, attributes in page.elements if "onerror" in attributes]
    assert page.text.count(ATTACK) > 20


@pytest.mark.parametrize(
    "text",
    [
        "<math><script>alert(1)</script></math>",
        "<math><mi onclick='x'>a</mi></math>",
        "<math href='https://example.org'><mi>a</mi></math>",
        "<math><mi>a</math>",
        "<div><mi>a</mi></div>",
        "<math><annotation-xml encoding='text/html'><b>x</b></annotation-xml></math>",
        "<!DOCTYPE m [<!ENTITY a 'b'>]><math><mi>&a;</mi></math>",
        "plain text",
    ],
)
def test_only_mathematics_passes_for_an_equation(text):
    assert safe_mathml(text) is None


def test_equations_pass_unchanged_in_meaning(record):
    for equation in record.equations:
        kept = safe_mathml(equation.mathml)
        assert kept is not None
        assert re.sub("<.*?>", "", kept) == re.sub("<.*?>", "", equation.mathml.replace("&#x2062;", "\u2062"))


def test_a_run_with_little_in_it_has_a_page(bare):
    page = Page(html(bare))
    assert "one simulated memristor chip" in page.text
    assert "±" not in page.text
    assert "1 chip for each of 1 network;" in page.text
    assert "largest single cause" not in page.text
    assert "all weights but recurrent.weight_peephole_l0, which stay digital" in page.text
    assert not [word for word in ("nan", "None", "inf ", "Undefined") if word in page.text]


def test_one_of_each_is_not_written_as_several(bare):
    text = Page(html(bare)).text
    assert "Software: the trained network. Chips: the simulated chip." in text
    assert not re.findall(r"(?<![.\d])1 \w+s\b", text)
    assert "Median" not in text
    assert "percentile" not in text


def test_the_results_do_not_repeat_the_causes(source):
    section = re.search(r'<section aria-labelledby="results">.*?</section>', source, re.DOTALL)
    rows = re.findall(r'<th scope="row">(.*?)</th>', section[0])
    assert rows[-3:] == ["software", "ideal chip<br><small>the same forecasts as in software</small>", "whole chip"]
    assert len(rows) == 4 + 3


def test_the_energy_carries_its_uncertainty(record, page):
    energy = units.quantity(record.digital.energy_per_step_j, "J")
    assert f"{energy} in digital logic; uncertain by a factor of 3" in page.text
    assert "uncertain by" not in Page(html(replace(record, digital=replace(record.digital, factor=None)))).text


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("text", ["ink", "muted", "software", "chip"])
def test_text_stands_out_from_the_paper(source, theme, text):
    """Web Content Accessibility Guidelines 2.2, 1.4.3: a contrast of 4.5 to 1."""
    colours = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", source, re.DOTALL)
    ]
    light, dark = sorted(luminance(colours[theme][name]) for name in ("paper", text))[::-1]
    assert (light + 0.05) / (dark + 0.05) >= 4.5
