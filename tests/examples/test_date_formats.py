"""The example learns dates in a few formats, where the nearest training string knows none; its data are honest."""

from __future__ import annotations

import datetime


def test_it_reads_days_that_it_has_never_seen(example, capsys):
    formats = ("{y}/{mm}/{dd}", "{dd}.{mm}.{y}")
    sizes = example.Sizes(formats, training=1500, held_out=100, units=32, epochs=4, batch=40, learning_rate=0.02)
    shares = example.main((0,), sizes, nearest=20)
    *baselines, (own,) = shares.values()
    assert own > 0.7
    assert all(share < 0.05 for (share,) in baselines)
    assert "where it looks" in capsys.readouterr().out


def test_dates_are_written_as_people_write_them(example):
    day = datetime.date(1988, 5, 3)
    written = {example.written(day, form) for form in example.FORMATS}
    assert {"tuesday, the 3rd of may 1988", "3-may-88", "05/03/1988", "19880503"} <= written
    assert len(written) == len(example.FORMATS)
    th = [example.written(datetime.date(2000, 1, day), "{d}{th}") for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30)]
    assert th == "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 30th".split()


def test_no_day_is_in_two_parts(example):
    parts = example.dates(example.Sizes(training=300, held_out=100))
    days = [target for part in parts for _, target in part]
    assert len(set(days)) == len(days) == 500
    assert all(1969 <= int(day[:4]) <= 2068 for day in days)


def test_the_nearest_is_nearest_by_edit_distance(example):
    training = [("3 may 1988", "A"), ("30 march 1988", "B"), ("1988/05/03", "C")]
    assert example.of_the_nearest(training, [("3 mai 1988", "A"), ("30 marsh 1987", "B"), ("988/05/03", "C")]) == 1.0
    assert example.of_the_nearest(training, [("3 mai 1988", "B")]) == 0.0
