"""House prices by our ensemble and by what people use, on the same folds, inputs and seeds.

`make bench-quality` runs it in a virtual environment of its own, which has the peers, and writes
benchmarks/results/quality.md. What is finished stays in var/quality, so that a run goes on.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml.ensemble import MEMBERS
from ml.events import Floats
from ml.experiments.house_ensemble import HouseEnsemble
from ml.houses.files import DECIDING
from ml.intervals import plus_minus
from ml.programs import fit_all
from ml.tabular.scores import ENSEMBLE, LINEAR, OutOfFold, rms
from ml.train import Progress

FINISHED, RESULT = Path("var/quality"), Path("benchmarks/results/quality.md")
FOLDINGS: Mapping[str, dict[str, Any]] = {
    "book": {"folding": "book"},
    **{f"shuffle {seed}": {"shuffle": seed} for seed in (0, 7, 8, 9)},
}
CHOSEN = ("book", "shuffle 0")  # the settings of all models were chosen on these
FRESH = ("shuffle 7", "shuffle 8", "shuffle 9")  # and on these nothing was
SEEDS, DRAWS = 3, 4000
Inputs = NDArray[np.floating[Any]]
Learn = Callable[[Inputs, Inputs, Inputs, int], Floats]
"""Inputs (n, d) and standardised log prices (n,) of a fold, inputs of others, a seed: theirs."""


# ---- peers, each with what did best on the two foldings of CHOSEN


def xgboost(X: Inputs, y: Inputs, others: Inputs, seed: int) -> Floats:
    """Shallow trees, slowly, each from half of the rows and a fifth of the inputs."""
    import xgboost

    model = xgboost.XGBRegressor(
        n_estimators=2000, learning_rate=0.02, max_depth=3, subsample=0.5, colsample_bytree=0.2,
        n_jobs=1, tree_method="hist", random_state=seed,
    )  # fmt: skip
    return np.asarray(model.fit(X, y).predict(others))


def catboost(X: Inputs, y: Inputs, others: Inputs, seed: int) -> Floats:
    """Symmetric trees of depth 5, each from half of the rows."""
    from catboost import CatBoostRegressor

    model = CatBoostRegressor(
        iterations=3000, learning_rate=0.02, depth=5, rsm=0.2, bootstrap_type="Bernoulli",
        subsample=0.5, thread_count=1, verbose=0, random_seed=seed, allow_writing_files=False,
    )  # fmt: skip
    return np.asarray(model.fit(X, y).predict(others))


def real_mlp(X: Inputs, y: Inputs, others: Inputs, seed: int) -> Floats:
    """RealMLP with its tuned defaults (Holzmüller et al., 2024)."""
    from pytabkit import RealMLP_TD_Regressor

    model = RealMLP_TD_Regressor(random_state=seed, n_threads=1, device="cpu", verbosity=0)
    return np.asarray(model.fit(X, y).predict(others)).ravel()


PEERS: Mapping[str, tuple[Learn, int]] = {
    "XGBoost": (xgboost, SEEDS), "CatBoost": (catboost, SEEDS), "RealMLP": (real_mlp, 1),
}  # fmt: skip
OURS = (ENSEMBLE, *MEMBERS, LINEAR)
PACKAGES = ("xgboost", "catboost", "pytabkit")


# ---- prices of houses that a model has not learnt from


@dataclass(frozen=True, eq=False)
class Answers:
    """log(sold / predicted) of each house (n,), and CPU seconds of a fold with all its seeds."""

    off: Floats
    seconds: float


@cache
def answers(folding: str, model: str) -> Answers:
    """What a model says out of fold, worked out once."""
    path = FINISHED / f"{folding} {model}.npz".replace(" ", "_")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = ours(folding) if model in OURS else {model: theirs(folding, *PEERS[model])}
        for name, each in made.items():
            where = FINISHED / f"{folding} {name}.npz".replace(" ", "_")
            np.savez(where, off=each.off, seconds=each.seconds)
    with np.load(path) as kept:
        return Answers(kept["off"], float(kept["seconds"]))


def ours(folding: str) -> dict[str, Answers]:
    """The experiment's own answers; its members were trained together."""
    found, seconds = out_of_fold(HouseEnsemble(num_seeds=SEEDS, **FOLDINGS[folding]))
    return {name: Answers(found.off(name), seconds if name == ENSEMBLE else 0.0) for name in OURS}


def out_of_fold(one: HouseEnsemble) -> tuple[OutOfFold, float]:
    """What an experiment's folds say, and the CPU seconds of each."""
    start = time.process_time()
    fits = run(
        fit_all([each for each in one.trainings() if each.lanes.valid.numel()], Progress(None))
    )
    found = one.out_of_fold(fits)
    return found, (time.process_time() - start) / one.k


def run(steps: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def theirs(folding: str, learn: Learn, seeds: int) -> Answers:
    """A peer's, the mean over its seeds, as the ensemble takes it; encoding is not its time."""
    one = HouseEnsemble(**FOLDINGS[folding])
    off, seconds = np.empty(len(one.data.train)), 0.0
    for train, valid in one.rows:
        table = one.table_of(train)
        start = time.process_time()
        said = [learn(table.X[train], table.y[train, 0], table.X[valid], i) for i in range(seeds)]
        seconds += time.process_time() - start
        middle = table.target.mean + table.target.std * np.mean(said, axis=0)
        off[valid] = np.log(one.data.price[valid]) - middle
    return Answers(off, seconds / one.k)


# ---- scores and differences


def by_fold(folding: str, model: str, without: Iterable[int] = ()) -> Floats:
    """RMSE of each fold, some rows left out: (k,)."""
    off = answers(folding, model).off
    return np.array([rms(off[np.setdiff1d(valid, [*without])]) for valid in folds(folding)])


@cache
def folds(folding: str) -> list[Any]:
    """Rows that each fold is judged on."""
    return [valid for _, valid in HouseEnsemble(**FOLDINGS[folding]).rows]


def gap_by_house(theirs: Floats, ours: Floats, draws: int = DRAWS) -> tuple[float, float, float]:
    """By how much their RMSE is above ours, and a 95 % interval over other houses like these.

    Squared errors (n,) of both; houses are drawn with replacement, both models on the same ones.
    """
    rng = np.random.default_rng(0)
    n = len(ours)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    gaps = np.sqrt(counts @ theirs / n) - np.sqrt(counts @ ours / n)
    low, high = np.quantile(gaps, (0.025, 0.975)).tolist()
    return float(np.sqrt(theirs.mean()) - np.sqrt(ours.mean())), low, high


def squares(foldings: Iterable[str], model: str) -> Floats:
    """Squared error of each house, the mean over foldings: (n,)."""
    each = [np.square(answers(folding, model).off) for folding in foldings]
    return np.asarray(np.mean(each, axis=0))


# ---- what is told


def measure() -> Iterator[str]:
    """The result as Markdown, also written to its file."""
    torch.set_num_threads(1)
    models = (*OURS, *PEERS)
    for model, folding in product(models, FOLDINGS):
        answers(folding, model)
    lines = [*report(models)]
    RESULT.write_text("\n".join(lines) + "\n")
    yield from lines


def report(models: Sequence[str]) -> Iterator[str]:
    """Verdict, scores, differences, and what it was done with."""
    yield "# House prices: the ensemble beside what people use"
    yield ""
    yield verdict()
    yield ""
    yield from scores(models)
    yield ""
    yield from gaps([model for model in models if model != ENSEMBLE])
    yield ""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    yield f"{versions}, torch {torch.__version__}, one thread. `make bench-quality`."


def scores(models: Iterable[str]) -> Iterator[str]:
    """How far off each is, on each folding."""
    yield "Mean of five fold RMSEs of log price, out of fold / without houses 524 and 1299."
    yield "Shuffles 7, 8 and 9 chose nothing. CPU: one fold, one thread, all seeds; our members"
    yield "learn together."
    yield ""
    names = (*FOLDINGS, "7 to 9, mean")
    yield f"| model | {' | '.join(names)} | CPU |"
    yield f"|---{'|---' * (len(names) + 1)}|"
    for model in models:
        cells = [score(model, [folding]) for folding in FOLDINGS] + [score(model, FRESH)]
        spent = answers("book", model).seconds
        yield f"| {model} | {' | '.join(cells)} | {f'{spent:.1f} s' if spent else ''} |"


def gaps(models: Iterable[str]) -> Iterator[str]:
    """By how much each is behind the ensemble."""
    yield "Behind the ensemble, paired. *By fold*: difference of fold RMSEs, and the 95 %"
    yield "interval over five folds that share training rows (Nadeau and Bengio, 2003). *By house*:"
    yield "difference of RMSEs over all houses, and the 95 %"
    yield f"interval of {DRAWS:,} samples of houses, both models on the same ones."
    yield ""
    yield "| model | book, by fold | by house | shuffle 0, by fold | by house | 7 to 9, by house |"
    yield "|---|---|---|---|---|---|"
    for model in models:
        cells = []
        for folding in CHOSEN:
            cells += [gap(folding, model), house_gap([folding], model)]
        yield f"| {model} | {' | '.join([*cells, house_gap(FRESH, model)])} |"


def verdict() -> str:
    """Against whom the ensemble is ahead, and where nothing is decided."""
    where = {name: (name,) for name in CHOSEN} | {"shuffles 7 to 9": FRESH}
    said = []
    for model in ("XGBoost", "CatBoost"):
        told = dict[str, list[str]]()
        for name, foldings in where.items():
            _, low, high = gap_by_house(squares(foldings, model), squares(foldings, ENSEMBLE))
            how = "ahead" if low > 0 else "behind" if high < 0 else "not told apart"
            told.setdefault(how, []).append(name)
        parts = [f"{how} on {' and '.join(names)}" for how, names in told.items()]
        said.append(f"Beside {model} the ensemble is {', '.join(parts)}.")
    return f"{' '.join(said)} By 95 % intervals of all rows, paired by house."


def score(model: str, foldings: Iterable[str]) -> str:
    """All rows, and without the pair."""
    both = [
        np.mean([by_fold(folding, model, without).mean() for folding in foldings])
        for without in ((), [house - 1 for house in DECIDING])  # ids begin with 1
    ]
    return " / ".join(f"{each:.4f}" for each in both)


def gap(folding: str, model: str) -> str:
    """Behind the ensemble, paired by fold."""
    away = by_fold(folding, model) - by_fold(folding, ENSEMBLE)
    return plus_minus(away, folds=len(away))


def house_gap(foldings: Iterable[str], model: str) -> str:
    """Behind the ensemble, paired by house."""
    foldings = [*foldings]
    middle, low, high = gap_by_house(squares(foldings, model), squares(foldings, ENSEMBLE))
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"
