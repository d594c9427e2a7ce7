from __future__ import annotations

import math

import pytest

from mlops_nb.panels.wording import (
    ago,
    change,
    columns_wide,
    duration,
    exact_time,
    many_lines,
    movement,
    number,
    numbers,
    one_line,
    setting,
    size,
)
from tests.panels.records import HOSTILE


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_one_printable_line(text):
    shown = one_line(text, 60)
    assert len(shown) <= 60 * 6
    assert not any(ord(char) < 32 or 0x202A <= ord(char) <= 0x202E or 0x2066 <= ord(char) <= 0x2069 for char in shown)
    shown.encode("utf-8")


@pytest.mark.parametrize("text", HOSTILE)
def test_an_output_keeps_its_lines_and_nothing_that_acts(text):
    shown = many_lines(text)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    shown.encode("utf-8")


def test_what_was_cut_is_said():
    assert many_lines("a" * 100, 10).endswith("\n… 90 characters more")
    assert one_line("a" * 100, 10) == "aaaaaaaaa…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.9996, "1.00"),
        (999.96, "1,000"),
        (0.00099951, "1.00e-3"),
        (-1234567.8, "-1,234,568"),
        (10**400, "an integer of about 401 digits"),
        (-math.inf, "-inf"),
        (5e-324, "4.94e-324"),
    ],
)
def test_numbers_have_three_significant_digits(value, shown):
    assert number(value) == shown


def test_a_column_of_numbers_has_the_same_digits_and_tells_neighbours_apart():
    assert numbers([0.91214, 0.91187, None, 0.5]) == ["0.9121", "0.9119", "", "0.5000"]
    assert numbers([1.0, 250.0, math.nan]) == ["1", "250", "NaN"]
    assert numbers([1234.0, 0.5]) == ["1,234.0", "0.5"]
    assert numbers([0.91214, 0.91216, 0.5], more=1) == ["0.9121", "0.9122", "0.5000"]


@pytest.mark.parametrize(
    ("name", "value", "base", "words"),
    [
        ("accuracy", 0.912, 0.9, "▲ +0.0120 better"),
        ("accuracy", 0.8, 0.9, "▼ -0.100 worse"),
        ("rmse", 2.0, 3.0, "▼ -1 better"),
        ("rmse", 0.1 + 0.2, 0.3, "= same"),
        ("loss", math.inf, 1.0, "▲ worse"),
        ("loss", -math.inf, -math.inf, "= same"),
        ("f1", math.nan, 1.0, "? not comparable"),
    ],
)
def test_a_movement_has_a_shape_a_sign_and_a_verdict(name, value, base, words):
    assert movement(name, value, base).words() == words


def test_a_change_has_its_sign_and_none_where_there_is_nothing_to_subtract():
    assert [change(3.0, 1.0), change(1.0, 3.0), change(math.inf, 1.0)] == ["+2", "-2", ""]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (math.nan, ""), (0, "0 ms"), (0.9999, "1.00 s"), (59.96, "1 min"), (3599.9, "1 h"), (86400, "1 d")],
)
def test_durations_carry_over_at_their_edges(seconds, words):
    assert duration(seconds) == words


def test_times_are_never_in_the_future_and_never_fail():
    assert ago(100, 0) == "just now"
    assert ago(math.nan, 0) == "just now"
    assert exact_time(1e300).endswith("s since 1970")


def test_sizes_are_in_decimal_units():
    assert [size(999), size(999_999), size(5_000_000_000_000)] == ["999 B", "1.00 MB", "5.00 TB"]


def test_settings_are_as_typed():
    assert [setting(True), setting(1000), setting(1e-5), setting(""), setting({"a": None})] == [
        "True",
        "1000",
        "1e-05",
        '""',
        '{"a": null}',
    ]


def test_width_counts_what_a_terminal_shows():
    assert [columns_wide("日本"), columns_wide("▲ ✓"), columns_wide("🦄"), columns_wide("é")] == [4, 3, 2, 1]
