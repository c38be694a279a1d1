"""Jobs beside each other: the right pairs, intervals as scipy has them, and honest sentences."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.bodies import ComparedPair, Comparison
from app.cli import commands
from app.comparisons import MOST, compare
from app.errors import Invalid, NotFound
from app.store import chunks, sessions
from app.store.leases import Outcome
from app.store.models import Job
from app.store.registry import Registry
from app.store.states import JobStatus
from ml.events import Started
from ml.experiments.kaggle_house import KaggleHouse
from ml.predictor import Predictor, apart, repetitions_needed
from tests.app import versions
from tests.app.conftest import HOUSE
from tests.app.made_jobs import NAN, curves, parts, write

K = 5
Ends = Sequence[float] | NDArray[np.float64]
DONE = Outcome(JobStatus.succeeded)
ACCURACY = ("train", "valid", "train accuracy", "valid accuracy")


def made(
    session: Session,
    ends: Ends,
    labels: Sequence[str] = (),
    *,
    epochs: int = 4,
    until: int | None = None,
    name: str = "kaggle_house",
    fields: dict[str, Any] | None = None,
    **said: Any,
) -> int:
    """A job of one setting whose repetitions end there; one that still runs has come `until`."""
    named = tuple(labels or [f"fold {i + 1}" for i in range(len(ends))])
    usual: dict[str, Any] = {"measure": "log_rmse", "device": "cpu", "settings": ("",) * len(ends)}
    begun = Started("folds", named, epochs, **usual | said)
    known = parts("folds", curves(begun, [*ends])[:until])
    job = write(session, [begun, *known], outcome=None if until else DONE)
    job.name, job.experiment = name, {"name": name, "seed": 0, "k": K} | (fields or {})
    session.commit()
    return job.id


def told(session: Session, *numbers: int) -> Comparison:
    return compare(session, numbers).told


def only(found: Comparison) -> ComparedPair:
    (pair,) = found.pairs
    return pair


RNG = np.random.default_rng(3)
ONE = RNG.uniform(0.1, 0.2, K)
OTHER = ONE - np.array([0.01, 0.012, 0.009, 0.011, 0.013])


def test_folds_are_paired_by_what_they_are_and_not_by_where_they_stand(session: Session) -> None:
    turned = [2, 0, 4, 1, 3]
    labels = [f"fold {i + 1}" for i in turned]
    found = told(session, made(session, ONE), made(session, OTHER[turned], labels))
    pair, off = only(found), OTHER - ONE
    assert pair.why_not_paired == ""
    assert [*pair.pairs] == [f"fold {i + 1}" for i in range(K)]
    np.testing.assert_allclose([*pair.pairs.values()], off, rtol=1e-4)
    # d ± t(J - 1) s √(1/J + 1/(k - 1)): folds share rows (Nadeau and Bengio)
    half = stats.t.ppf(0.975, K - 1) * off.std(ddof=1) * np.sqrt(1 / K + 1 / (K - 1))
    assert pair.difference == pytest.approx(off.mean(), rel=1e-4)
    assert pair.half == pytest.approx(half, rel=1e-3)
    assert pair.verdict == "other"
    assert found.sentence.startswith("B is better by 0.0110 ± 0.00")
    assert "all 5 folds" in found.sentence


def test_seeds_are_averaged_before_folds_are_paired(session: Session) -> None:
    noise = RNG.normal(0, 0.01, (3, K))  # seeds by folds, the folds fastest
    labels = [f"fold {i + 1}, seed {s + 1}" for s in range(3) for i in range(K)]
    one = made(session, (ONE + noise).ravel(), labels)
    other = made(session, (ONE - noise + 0.001).ravel(), labels)
    pair = only(told(session, one, other))
    off = 0.001 - 2 * noise.mean(0)
    np.testing.assert_allclose([*pair.pairs.values()], off, atol=1e-6)
    assert pair.other_seeds is not None
    means = 0.001 - 2 * noise.mean(1)
    low, high = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert pair.other_seeds.difference - pair.other_seeds.half == pytest.approx(low, abs=1e-6)
    assert pair.other_seeds.difference + pair.other_seeds.half == pytest.approx(high, abs=1e-6)
    alone = made(session, ONE)  # of one seed: its folds are the same ones
    assert only(told(session, alone, one)).why_not_paired == ""


def test_a_fold_more_is_no_pair_and_is_said_so(session: Session) -> None:
    found = told(session, made(session, ONE), made(session, [*ONE, 0.3]))
    pair = only(found)
    assert pair.why_not_paired == "A has 5 folds, B has 6 folds"
    assert "Not paired" in found.notes[0]
    assert pair.pairs == {}
    assert pair.difference == pytest.approx(np.mean([*ONE, 0.3]) - ONE.mean(), rel=1e-4)


@pytest.mark.parametrize("field", ["k", "preprocessing", "experiment"])
def test_repetitions_of_the_same_name_are_no_pairs_on_other_rows(
    session: Session, field: str
) -> None:
    other: dict[str, Any] = (
        {"name": "house_ensemble"} if field == "experiment" else {"fields": {field: "something"}}
    )
    pair = only(told(session, made(session, ONE), made(session, OTHER, **other)))
    assert field in pair.why_not_paired


def test_the_seed_draws_data_sets_but_not_folds(session: Session) -> None:
    seeded: dict[str, Any] = {"fields": {"seed": 7}}
    assert only(
        told(session, made(session, ONE), made(session, OTHER, **seeded))
    ).why_not_paired == ""  # fmt: skip
    sets = [f"data set {i + 1}" for i in range(K)]
    drawn: dict[str, Any] = {"name": "weight_decay", "measure": "squared_loss"}
    same, one, other = (
        made(session, ends, sets, **more)
        for ends, more in ((ONE, drawn), (OTHER, drawn), (OTHER, drawn | seeded))
    )
    pair = only(told(session, same, one))
    assert pair.why_not_paired == ""
    off = OTHER - ONE  # data sets share no rows: Student's interval as it is
    half = stats.t.ppf(0.975, K - 1) * off.std(ddof=1) / np.sqrt(K)
    assert pair.half == pytest.approx(half, rel=1e-3)
    assert "seed" in only(told(session, same, other)).why_not_paired


def test_what_is_not_paired_has_welchs_interval(session: Session) -> None:
    one, other = RNG.normal(0, 1, 7), RNG.normal(0.4, 3, 11)
    difference, half = apart(one, other, level=0.99)
    low, high = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.99)
    assert (difference - half, difference + half) == pytest.approx((low, high))
    half = apart(one, other)[1]
    assert half < apart(one, other, (7, 0))[1] < apart(one, other, (7, 11))[1]
    assert np.isnan(apart([1.0], other)[1])


def test_more_seeds_are_the_fewest_that_would_tell(session: Session) -> None:
    for difference, spread in ((0.5, 1.0), (2.0, 1.0), (0.1, 0.3)):
        n = repetitions_needed(difference, spread)
        assert n is not None
        for count, tells in ((n, True), (n - 1, False)):
            if count > 1:
                half = stats.t.ppf(0.975, count - 1) * spread * np.sqrt(2 / count)
                assert bool(half < difference) is tells
    assert repetitions_needed(1e-6, 1.0) is None
    seeds = [f"seed {i + 1}" for i in range(3)]
    fields: dict[str, Any] = {"name": "mlp_concise", "measure": "cross_entropy"}
    one, other = (
        made(session, ends, seeds, **fields) for ends in ([0.40, 0.44, 0.48], [0.43, 0.39, 0.48])
    )
    found = told(session, one, other)
    s = np.sqrt((np.var([0.40, 0.44, 0.48], ddof=1) + np.var([0.43, 0.39, 0.48], ddof=1)) / 2)
    more = (repetitions_needed(0.02 / 3, float(s)) or 0) - 3
    assert only(found).more_seeds == more
    assert f"About {more} more seeds of each would tell." in found.sentence
    assert "would tell" not in told(session, made(session, ONE), made(session, ONE[::-1])).sentence


def test_more_of_a_share_is_better(session: Session) -> None:
    seeds = [f"seed {i + 1}" for i in range(3)]
    said: dict[str, Any] = {"measure": "cross_entropy", "metrics": ACCURACY, "judged_on": "test"}
    said |= {"name": "mlp_concise", "best_by": "valid accuracy"}
    losses = ([0.5, 0.5, 0.51], [0.1, 0.11, 0.1])
    found = told(session, *(made(session, ends, seeds, **said) for ends in losses))
    assert found.measure == "test accuracy"
    assert found.higher_is_better
    assert only(found).verdict == "other"
    assert only(found).difference == pytest.approx(
        np.mean([1 / 1.1, 1 / 1.11, 1 / 1.1]) - np.mean([1 / 1.5, 1 / 1.5, 1 / 1.51]), rel=1e-4
    )


def test_three_are_ranked_at_a_level_for_all_pairs(session: Session) -> None:
    close = ONE + np.array([0.001, -0.001, 0.0012, -0.0008, 0.0])
    numbers = [made(session, ends) for ends in (ONE + 0.1, close, OTHER)]
    found = told(session, *numbers)
    assert [job.job for job in found.jobs] == [numbers[2], numbers[1], numbers[0]]
    assert [job.letter for job in found.jobs] == ["A", "B", "C"]
    assert found.level == pytest.approx(1 - 0.05 / 3)
    first = next(p for p in found.pairs if (p.one, p.other) == (numbers[2], numbers[1]))
    off = close - OTHER
    half = stats.t.ppf(1 - 0.05 / 6, K - 1) * off.std(ddof=1) * np.sqrt(1 / K + 1 / (K - 1))
    assert first.half == pytest.approx(half, rel=1e-3)
    assert first.verdict == "one"
    assert found.sentence.startswith("A is better than B and C.")
    assert "98.33 %" in " ".join(found.notes)


def test_while_one_runs_both_are_looked_at_where_both_have_been(session: Session) -> None:
    done, going = made(session, ONE, epochs=8), made(session, OTHER, epochs=8, until=3)
    found = told(session, done, going)
    assert found.live
    assert found.at_epoch == 3
    assert found.sentence.startswith("Not yet. At epoch 3, where all have been: ")
    begun = Started(
        "folds", tuple("abcde"), 8, measure="log_rmse", device="cpu", settings=("",) * 5
    )
    at = curves(begun, [*ONE])[2, 1].mean()
    assert found.jobs[0].value == pytest.approx(float(at), rel=1e-5)
    assert [job.epoch for job in found.jobs] == [3, 3]


def test_one_run_each_says_nothing_of_chance(session: Session) -> None:
    runs = [made(session, [end], ["run"], name="mlp_scratch") for end in (0.5, 0.4)]
    found = told(session, *runs)
    assert only(found).verdict == "single"
    assert only(found).half is None
    assert "of a single run" in found.sentence


def test_what_diverged_is_not_compared(session: Session) -> None:
    lost = made(session, [NAN, *OTHER[1:]])
    found = told(session, made(session, ONE), lost)
    assert only(found).verdict == "nothing"
    assert found.sentence == "B diverged: there is no number to compare."
    many = told(session, lost, made(session, ONE), made(session, OTHER))
    assert many.jobs[-1].job == lost
    assert "C diverged." in many.sentence


def test_unlike_measures_are_said_and_not_compared(session: Session) -> None:
    other = made(session, [0.3], ["run"], name="mlp_scratch", measure="cross_entropy")
    found = told(session, made(session, ONE), other)
    assert found.pairs == []
    assert found.measure is None
    assert "their measures differ" in found.sentence
    assert f"#{other} by valid cross-entropy" in found.sentence


def test_what_is_asked_for_has_bounds(session: Session) -> None:
    one = made(session, ONE)
    assert told(session, one, one).sentence.startswith("One job is no comparison")
    with pytest.raises(NotFound, match="There is no job 99"):
        compare(session, [one, 99])
    with pytest.raises(Invalid, match="Up to 20 jobs"):
        compare(session, [made(session, ONE) for _ in range(MOST + 1)])
    with pytest.raises(Invalid, match="Name the jobs"):
        compare(session, [])


# ---- jobs with models


@pytest.fixture
def nearer(store: Path) -> int:
    """A job whose model's answers, out of fold, are nearer by a fifth than those of HOUSE."""
    with sessions.readers()() as session:
        payload = model_of(session, HOUSE)
    number = versions.keep(KaggleHouse(num_epochs=5), versions.better(payload))
    begun = Started(
        "folds", tuple(f"fold {i + 1}" for i in range(K)), 4,
        measure="log_rmse", device="cpu", settings=("",) * K,
    )  # fmt: skip
    with sessions.writers().begin() as session:
        chunks.append(session, number, begun, *parts("folds", curves(begun, [*OTHER])))
    return number


def model_of(session: Session, job: int) -> bytes:
    version = Registry(session).of_job(job)
    assert version is not None
    kept = Registry(session).with_payload(version.id)
    assert kept is not None
    return kept.payload


def test_models_are_held_row_by_row_where_no_fold_has_seen_the_row(nearer: int) -> None:
    with sessions.readers()() as session:
        found = told(session, HOUSE, nearer)
        judged = [Predictor.from_bytes(model_of(session, job)).judged for job in (HOUSE, nearer)]
    assert found.rows is not None
    mine, its = (np.asarray(one.said[0], np.float64) for one in judged if one)
    assert judged[0] is not None
    paid = judged[0].target.astype(np.float64)
    rmse = [np.sqrt(np.mean(np.square(said - paid))) for said in (mine, its)]
    assert found.rows.difference == pytest.approx(rmse[1] - rmse[0], rel=1e-3)
    assert found.rows.half < -found.rows.difference
    assert found.rows.nearer == 1.0
    assert found.rows.n == len(paid)
    order = np.argsort(-np.abs(its - mine))[:10]
    assert [row.row for row in found.rows.most] == [*(order + 1)]
    first = found.rows.most[0]
    np.testing.assert_allclose(
        [first.actual, first.one, first.other],
        np.exp([paid[order[0]], mine[order[0]], its[order[0]]]),
        rtol=1e-4,
    )


def test_folds_of_models_pair_what_labels_cannot(nearer: int) -> None:
    """As if the other were of another experiment: its labels say nothing, its folds do."""
    with sessions.writers().begin() as session:
        session.get_one(Job, nearer).name = "house_ensemble"
    with sessions.readers()() as session:
        pair = only(told(session, HOUSE, nearer))
        judged = [Predictor.from_bytes(model_of(session, job)).judged for job in (HOUSE, nearer)]
    mine, its = (one.errors()[0] for one in judged if one)
    assert pair.why_not_paired == ""
    np.testing.assert_allclose([*pair.pairs.values()], its - mine, rtol=1e-6)
    assert pair.verdict == "other"


# ---- the ways to it


def test_the_command_says_the_sentence_and_what_differs(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sessions.writers()() as session:
        numbers = [made(session, ONE), made(session, OTHER, fields={"lr": 0.02})]
        found = told(session, *numbers)
    for words in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["ridgeline", "compare", *map(str, numbers), *words])
        with pytest.raises(SystemExit):
            commands.main()
    said = capsys.readouterr().out
    assert said.startswith(f"{found.sentence}\n")
    assert "  lr  A 0.005; B 0.02\n" in said
    assert said.endswith(f"{found.model_dump_json()}\n")


def test_rest_gives_the_same_value(client: TestClient) -> None:
    answer = client.get("/api/v1/compare?jobs=1,2")
    assert answer.status_code == 200
    with sessions.readers()() as session:
        assert answer.json() == told(session, 1, 2).model_dump(mode="json")
    assert client.get("/api/v1/compare?jobs=1,99").status_code == 404
    assert client.get("/api/v1/compare?jobs=1,x").status_code == 422
    many = ",".join(map(str, range(1, MOST + 3)))
    assert client.get(f"/api/v1/compare?jobs={many}").status_code in {404, 422}


def test_a_job_that_trains_nothing_has_nothing_to_be_compared_by(client: TestClient) -> None:
    found = client.get("/api/v1/compare?jobs=1,3").json()
    assert found["jobs"][1]["reason"].startswith("It trains nothing")
    assert found["sentence"] == "Nothing to compare: #3 without a number."
