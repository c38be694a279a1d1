"""The file for Kaggle: each way it can be wrong turns its own check red."""

import numpy as np
import pytest

from ml.houses.submission import FIRST, LAST, preflight, write

IDS = list(range(FIRST, LAST + 1))
PRICES = np.linspace(50_000, 500_000, len(IDS))


def failed(text: str) -> set[str]:
    return {
        check.name.removeprefix("submission: ") for check in preflight(text) if not check.passed
    }


def test_a_good_file_passes() -> None:
    text = write(IDS, PRICES)
    assert text.startswith("Id,SalePrice\n1461,50000.0000\n")
    assert failed(text) == set()


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        (write(IDS, PRICES).replace("SalePrice", "Price"), {"header"}),
        (write(IDS[:-1], PRICES[:-1]), {"rows", "ids", "finite prices"}),
        (write([*IDS[:-1], IDS[0]], PRICES), {"ids"}),
        (write(IDS, np.where(PRICES > 4e5, np.nan, PRICES)), {"finite prices", "lowest price"}),
        (write(IDS, PRICES - 60_000), {"lowest price"}),
        ("", {"header", "rows", "ids", "finite prices", "lowest price"}),
        ("Id,SalePrice\n1461,many\n", {"rows", "ids", "finite prices", "lowest price"}),
    ],
)
def test_a_bad_file_is_caught(broken: str, names: set[str]) -> None:
    assert failed(broken) == names
