"""How right house prices are where less is known of a house: every house, by its own fold."""

from collections.abc import Iterator

import torch

from benchmarks.quality import run
from ml.experiments.house_ensemble import HouseEnsemble
from ml.programs import fit_all
from ml.train import Progress


def measure() -> Iterator[str]:
    """A row a folding and a part of the fields, on one thread."""
    torch.set_num_threads(1)
    yield "| folding | known | fields | houses | log RMSE | inside | worst fifth | width |"
    yield "|---|---|---|---|---|---|---|---|"
    for preset in HouseEnsemble.presets:
        one = HouseEnsemble(**preset.values)
        folding = one.folding
        fits = run(fit_all([*one.trainings()], Progress(None)))
        found = one.out_of_fold(fits)
        spread = found.bounded(one.bounds)
        ensemble = one.ensemble(one.table_of(one.every), one.nets(fits, " refit", 0, 1))
        predictor = one.predictor(found, spread, ensemble)
        yield f"| {folding} | all of it | 79 | {found.n} | | {found.inside.mean():.1%} | | |"
        for part in one.known(predictor, found, thin=1):
            yield (
                f"| {folding} | {part.what} | {part.fields:.0f} | {part.n} | {part.rmse:.4f} |"
                f" {part.inside:.1%} | {part.least:.1%} | {part.width:.3f} |"
            )
