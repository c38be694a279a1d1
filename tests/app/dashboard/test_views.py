"""What a row of a list draws: each path and number is of the rows and the setting it stands for."""

import re

import pytest
from sqlalchemy.orm import Session

from app.dashboard import sparks, views
from app.results.headline import percent
from ml.events import Epoch
from tests.app.made_jobs import curves, group, write


def heights(path: str) -> list[float]:
    """How far below the top each point of a path is."""
    return [float(y) for _, y in re.findall(r"[ML](\S+) ([\d.]+)", path)]


def test_a_spark_has_train_and_valid_where_they_are() -> None:
    drawn = sparks.spark([[1, 0.1, 1.0], [2, 0.01, 0.1], [3, 0.01, 1.0]], (0.01, 1.0))
    assert drawn is not None
    assert heights(drawn.train) == [12, 22, 22]  # the lowest number is at the bottom
    assert heights(drawn.valid) == [2, 12, 2]
    assert drawn.end == (sparks.WIDTH, 2)


def test_a_strip_has_its_folds_their_mean_and_the_book_on_one_axis() -> None:
    drawn = sparks.strip([0.08, 0.16, 0.24], 0.12, 0.20)
    assert drawn is not None
    assert [*drawn.folds, drawn.mean, drawn.book] == [0, 66, 132, 33, 99]


def test_a_row_is_of_the_setting_of_its_headline(session: Session) -> None:
    lanes = group("folds", ["a", "a", "b", "b"], asked="b", measure="log_rmse")
    values = curves(lanes, [0.4, 0.5, 0.2, 0.3])
    job = write(session, [lanes, Epoch("folds", 1, values)])
    (row,) = views.rows([job])
    assert row.of == "b"
    assert row.folds == pytest.approx([0.2, 0.3])
    assert row.gap == pytest.approx(0.25 - 0.2)  # train is 0.8 times valid
    assert row.error == pytest.approx(percent(0.25))
    assert row.strip is not None
    assert row.strip.book is None  # which says nothing of weight_decay
    assert row.strip == sparks.strip([0.2, 0.3], 0.25, None)
    train, valid = (values[:, part, 2:].mean(1) for part in (0, 1))
    points = [[i + 1, t, v] for i, (t, v) in enumerate(zip(train, valid, strict=True))]
    assert row.spark == sparks.spark(points, views.SCALES["log_rmse"])


def test_no_panel_stands_beside_a_gap() -> None:
    narrow, broad = {"columns": ["a"] * 4}, {"columns": ["a"] * 9}
    small = {"series": [{"x": [1.0] * 9, "mode": "markers"}]}
    cloud = {"series": [{"x": [1.0] * 1460, "mode": "markers"}]}
    many = {"series": [], "x_names": ["a"] * 13}
    half, whole = "c-6", "c-12"
    assert views.classes([narrow, narrow, broad, narrow], [small, cloud, many]) == [
        half, half, whole, half, half, whole, whole,
    ]  # fmt: skip
    assert views.classes([narrow], [small]) == [whole, whole]
    assert views.classes([narrow, narrow, narrow], [cloud]) == [half, half, whole, whole]
    assert views.classes([], [small, small, small]) == [half, half, whole]
