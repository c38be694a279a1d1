"""The answer of a job: the setting that its numbers are of, these numbers, and a sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.results.curves import Group
from app.results.palette import ROLES, Look, look
from app.results.repetitions import Setting
from app.store import summaries
from app.typography import brief, measure_name

SIDE_BY_SIDE = 3  # settings up to which each has its number
LIKE_A_PRICE = 5.0  # a log RMSE above it says nothing of a share of the price


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the headline, and what it is the mean of."""

    label: str  # "λ 3 test"
    value: str
    under: str  # "mean of 5 data sets"
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """The setting that the numbers of a job are of; `alike` are all that have begun and are
    measured as it is, itself among them."""

    setting: Setting
    alike: Sequence[Setting]
    asked: bool  # or else it is the best of them, picked by looking

    @property
    def judged_on(self) -> str:
        """What the other rows are: "valid" or "test"."""
        return self.setting.group.judged_on

    @property
    def measure(self) -> str:
        """What the losses are of, as it is written."""
        return measure_name(self.setting.group.measure)

    @property
    def compared(self) -> str:
        """What the sentence and the first numbers are of: the settings are compared by it."""
        return self.setting.group.best_share or self.measure

    @property
    def mean_of(self) -> str:
        """What a number is the mean of."""
        one, repeated = self.setting, self.setting.repeated
        if len(one.labels) == 1:
            return "one run"
        if one.may_be_unlike:
            return f"mean of all {repeated}, of whatever setting"
        return f"mean of {repeated}"

    @property
    def picked(self) -> str:
        """How the setting came to be the headline's, where it has others beside it."""
        if self.asked or len(self.alike) < 2:
            return ""
        return f"best of {len(self.alike)} settings, picked by looking"

    @property
    def numbers(self) -> list[Number]:
        """What settings are compared by, then what else is measured, or the gap; one of each
        setting where the job compares a few."""
        one = self.setting
        if 1 < len(self.alike) <= SIDE_BY_SIDE:
            return [Headline(other, self.alike, asked=True)._beside for other in self.alike]
        of = ", ".join(filter(None, (one.title, self.mean_of)))
        under = " · ".join(filter(None, (self.picked or of, self.of_price)))
        train, valid = (
            (ROLES["train"], ROLES["valid"]) if not one.others else (None, look(one.place))
        )
        first = one.group.best_share
        others = [share for share in ("", *one.group.shares) if share != first]
        gap = one.last("valid") - one.last("train")
        return [
            Number(f"{self.judged_on} {self.compared}", self._brief("valid", first), under, valid),
            Number(f"train {self.compared}", self._brief("train", first), of, train),
            *(number for share in others for number in self._pair(share)),
            *([] if one.group.shares else [Number("gap", brief(gap), f"{self.judged_on} − train")]),
        ]

    @property
    def _beside(self) -> Number:
        """The number of this setting among few; under a share stands the loss, as lists have it."""
        one, share = self.setting, self.setting.group.best_share
        label = " ".join(filter(None, (one.title, self.judged_on, share)))
        loss = f"{self.measure} {self._brief('valid')}" if share else ""
        under = " · ".join(filter(None, (self.mean_of, loss)))
        return Number(label, self._brief("valid", share), under, look(one.place))

    def _pair(self, share: str) -> list[Number]:
        """A share of both parts of the rows; "" is the loss."""
        return [
            Number(f"{name} {share or self.measure}", self._brief(part, share), self.mean_of)
            for name, part in ((self.judged_on, "valid"), ("train", "train"))
        ]

    def _last(self, part: str, share: str = "") -> float:
        return self.setting.last(f"{part} {share}".strip())

    def _brief(self, part: str, share: str = "") -> str:
        return brief(self._last(part, share))

    @property
    def of_price(self) -> str:
        """What an error of log prices is in a price; an RMSE, which the few far off dominate."""
        valid = self.setting.last("valid")
        if self.setting.group.measure != "log_rmse" or not valid < LIKE_A_PRICE:
            return ""
        return f"an RMSE of {percent(valid):.1f} % of the price"

    @property
    def best(self) -> str:
        """Where the curve was best before its end."""
        valid, share = self.setting.mean(self.setting.group.best_by), self.setting.group.best_share
        if not np.isfinite(valid).any():
            return ""
        at = int(np.nanargmax(valid) if share else np.nanargmin(valid))
        if at == len(valid) - 1:
            return ""
        word = f"Highest {share}" if share else "Lowest"
        return f"{word} at epoch {at + 1}, {brief(valid[at])}: picked by looking, so it flatters."

    @property
    def sentence(self) -> str:
        """Where the setting stands, for a job that says nothing better itself."""
        if not self._where:
            return ""
        title = self.setting.title
        if self.picked:
            whose = f"Best of {len(self.alike)} settings is {title}"
            return f"{whose}: {self._where}, picked by looking; {self.mean_of}."
        whose = f"In the end {title} has" if title else "It ends at"
        return f"{whose} {self._where}; {self.mean_of}."

    @property
    def so_far(self) -> str:
        """The same while it learns."""
        if not self._where:
            return ""
        one = self.setting
        of = f"best of {len(self.alike)} so far, " if self.picked else ""
        title = f"{one.title}, " if one.title else ""
        epoch = f"Epoch {one.epochs} of {one.group.started['num_epochs']}"
        meaning = "What it means is said when the runs are through."
        return f"{epoch}: {title}{of}{self._where}. {meaning}"

    @property
    def in_short(self) -> str:
        """The same in few words, beside a bar: "best of 3 so far, lr 0.1: train 0.41, ..."."""
        one, of = self.setting, f"best of {len(self.alike)} so far" if self.picked else ""
        whose = ", ".join(filter(None, (of, one.title)))
        numbers = f"train {brief(one.last('train'))}, {self.judged_on} {brief(one.last('valid'))}"
        shares = [
            f"{self.judged_on} {share} {brief(one.last(f'valid {share}'))}"
            for share in one.group.shares
        ]
        words = ", ".join([f"{numbers} {self.measure}", *shares, self.mean_of])
        return f"{whose}: {words}" if whose else words

    @property
    def _where(self) -> str:
        share = self.setting.group.best_share
        valid, train = self._last("valid", share), self._last("train", share)
        if not math.isfinite(self._last("valid")):  # a net that diverged is right now and then
            return ""
        where = f"{self.judged_on} {self.compared} {brief(valid)}"
        if not math.isfinite(train):
            return where
        gap = train - valid if share else valid - train
        return f"{where}, train {brief(train)}, a gap of {brief(gap)}"


def headline_of(groups: Sequence[Group], settings: Sequence[Setting]) -> Headline | None:
    """The headline of a job; None before its setting has begun, or where every one diverged."""
    if not settings:
        return None
    asked = next((name for g in reversed(groups) if (name := g.started.get("asked"))), None)
    of_first = [one for one in settings if one.group.measure == groups[0].measure]
    name = summaries.chosen(asked, {one.name: one.score for one in of_first})
    shown = next((one for one in settings if one.name == name), None)
    if shown is None:
        return None
    alike = [one for one in settings if one.group.measure == shown.group.measure]
    return Headline(shown, alike, asked=bool(asked))


def percent(log_error: float) -> float:
    """An error of log prices as per cent of the price."""
    return 100 * math.expm1(log_error)
