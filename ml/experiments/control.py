"""4.9 Control: a coffee boiler remembers how it was heated."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml import fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset

ROOM, POWER, TAU = 20.0, 200.0, 300.0  # °C; K above the room at full power in the end; seconds
KEPT = float(np.exp(-1 / TAU))  # of the distance from the end, each second
SECONDS, HALF = 3600, 1800  # from the half on, cold water takes heat away
LOAD = 15.0  # K that it lowers the end by
SHARES = np.linspace(0.1, 1.5, 15)  # of the gain from which on P control swings
CALM = SHARES < 0.8  # where swings have died away after so many seconds
NEAR = np.linspace(0.9, 1.1, 21)  # the same, to find that gain by
EXACT = 1e-5  # K that are left of what dies away


@dataclass(frozen=True, slots=True)
class Controllers:
    """S controllers: power k (e + ∫e / T_i + T_d de/dt), a T_i of infinity being no integral."""

    gain: Floats  # (S,) shares of full power a kelvin
    integral_time: Floats | float = np.inf  # (S,) seconds
    derivative_time: Floats | float = 0.0  # (S,) seconds
    winds_up: NDArray[np.bool_] | bool = (
        False  # (S,) the integral grows on while the heater can do no more
    )
    bounded: bool = True  # the heater knows 0 to 1 only


class Control(InstantExperiment):
    """Heat a boiler by P, PI and PID control; water is felt late, and later cold water is added."""

    breakable = ("act", "heat")
    presets = (
        Preset("usual", "Coffee", "P stays below 93 °C, PI gets there.", {}),
        Preset("hard", "A large gain", "P comes nearer, until it swings.", {"gain": 13.0}),
        Preset("late", "A late thermometer", "The same gain, felt later.", {"delay": 60}),
    )

    name: Literal["control"] = "control"
    target: float = fields.own(
        93.0, "Boiler", "Target", "Temperature to be held, in °C.", "θ*", ge=40, le=150
    )
    delay: int = fields.own(
        20, "Boiler", "Delay", "Seconds until the thermometer feels the heater.", "L", ge=1, le=120
    )
    gain: float = fields.own(
        4.0, "Controller", "Gain", "Percent of full power for a kelvin.", "k", gt=0, le=50
    )
    integral_time: float = fields.own(
        120.0, "Controller", "Integral time", "Seconds.", "Tᵢ", ge=10, le=1000
    )
    derivative_time: float = fields.own(
        10.0, "Controller", "Derivative time", "Seconds.", ge=0, le=60
    )

    @property
    def ultimate(self) -> tuple[float, float]:
        """Gain at which P control neither calms down nor grows, and the period of its swing.

        There e^{iωL} (e^{iω} - a) = -(1 - a) K k, a being what is kept each second.
        """
        low, high = 1e-6, np.pi / self.delay
        for _ in range(100):
            omega = (low + high) / 2
            late = omega * self.delay + np.angle(np.exp(1j * omega) - KEPT) > np.pi
            low, high = (low, omega) if late else (omega, high)
        gain = abs(np.exp(1j * low) - KEPT) / ((1 - KEPT) * POWER)
        return float(gain), float(2 * np.pi / low)

    @staticmethod
    def act(c: Controllers, error: Floats, total: Floats, slope: Floats) -> Floats:
        """Power asked for, by the error, its sum and what it grows by in a second: all (S,)."""
        return np.asarray(c.gain * (error + total / c.integral_time + c.derivative_time * slope))

    @staticmethod
    def heat(theta: Floats, power: Floats, load: float) -> Floats:
        """Temperatures (S,) a second later, where this power (S,) begins to be felt."""
        end = ROOM + POWER * power - load
        return np.asarray(end + KEPT * (theta - end))

    def simulate(self, c: Controllers) -> Floats:
        """Temperatures (SECONDS, S) of S boilers that begin as warm as the room."""
        S = len(c.gain)
        theta, total, error = np.full(S, ROOM), np.zeros(S), np.full(S, self.target - ROOM)
        way, course = np.zeros((self.delay, S)), np.empty((SECONDS, S))  # power not yet felt
        for t in range(SECONDS):
            course[t] = theta
            before, error = error, self.target - theta
            asked = self.act(c, error, total + error, error - before)
            power = np.clip(asked, 0, 1) if c.bounded else asked
            total += np.where((power == asked) | c.winds_up, error, 0)
            theta = self.heat(theta, way[t % self.delay], LOAD if t >= HALF else 0.0)
            way[t % self.delay] = power
        return course

    def offset(self, gain: Floats | float, load: Floats | float = 0.0) -> Floats:
        """What P control leaves missing: the gain must have something to act on."""
        return np.asarray((self.target - ROOM + load) / (1 + POWER * gain))

    def answer(self) -> Iterator[Event]:
        """Four controllers of one gain, then P control with many a gain."""
        ultimate, period = self.ultimate
        kinds = ("P", "PI", "PID", "PI, wound up")
        asked = Controllers(
            np.full(4, self.gain / 100),
            np.array([np.inf, *[self.integral_time] * 3]),
            np.array([0, 0, self.derivative_time, 0]),
            np.array([False, False, False, True]),
        )
        course, gains = self.simulate(asked), self.simulate(Controllers(SHARES * ultimate))
        yield self.temperatures(dict(zip(kinds, course.T, strict=True)))
        yield self.swings(gains, ultimate)
        yield self.by_gain(gains, ultimate)
        yield self.ends(kinds, course)
        yield self.memory()
        if self.matches():
            yield from self.claims(course, gains)
            yield from self.onset(ultimate, period)

    def temperatures(self, course: dict[str, Floats]) -> Figure:
        """Temperature by time of each controller."""
        left = {kind: self.target - theta[HALF - 1] for kind, theta in course.items()}
        finding = (
            f"After half an hour P control misses the target by {left['P']:.2g} K, (θ* - room) /"
            f" (1 + K k) being {float(self.offset(self.gain / 100)):.2g} K, and PI by"
            f" {abs(left['PI']):.3f} K. Then cold water runs in."
        )
        t = np.arange(0, SECONDS, 5)
        target = Series("target", t / 60, np.full(len(t), self.target), "truth")
        lines = {kind: theta[t] for kind, theta in course.items()}
        axes: dict[str, Any] = {"x_label": "minutes", "y_label": "temperature in °C"}
        title = f"A boiler held at {self.target:g} °C"
        return Figure.lines("temperature", title, finding, t / 60, lines, target, **axes)

    def swings(self, gains: Floats, ultimate: float) -> Figure:
        """Temperature by time of P control, below and above the gain at which it swings."""
        t = np.arange(120, HALF, 5)
        chosen = [int(np.abs(SHARES - share).argmin()) for share in (0.2, 0.5, 0.8, 1.2)]
        lines = {f"{100 * SHARES[i] * ultimate:.3g} %/K": gains[t, i] for i in chosen}
        finding = (
            f"Below a gain of {100 * ultimate:.3g} % a kelvin swings die away, above it they stay:"
            " what the thermometer feels is what was heated some time ago."
        )
        axes: dict[str, Any] = {"x_label": "minutes", "y_label": "temperature in °C"}
        title = "P control: too large a gain swings"
        return Figure.lines("swings", title, finding, t / 60, lines, **axes)

    def by_gain(self, gains: Floats, ultimate: float) -> Figure:
        """What is missing in the end, and how far it swings, by gain."""
        last = gains[-HALF // 2 :]
        missing, swing = self.target - last.mean(axis=0), np.ptp(last, axis=0)
        finding = (
            f"What is missing shrinks from {missing[0]:.3g} to {missing.min():.2g} K, yet from"
            f" {100 * ultimate:.3g} % a kelvin on the temperature swings, at last by"
            f" {swing[-1]:.3g} K."
        )
        x, exact = 100 * SHARES * ultimate, self.offset(SHARES * ultimate, LOAD)
        return Figure(
            "gain",
            "P control: near the target, or calm",
            finding,
            (
                Series("(θ* - room + load) / (1 + K k)", x, exact, "truth"),
                Series("missing", x, missing, mode="markers"),
                Series("swing", x, swing),
            ),
            x_label="gain in % a kelvin",
            y_label="K, in the last quarter of an hour",
        )

    def ends(self, kinds: tuple[str, ...], course: Floats) -> Table:
        """What each controller leaves, without and with cold water."""
        missing = np.round(self.target - course[[HALF - 1, -1]], 4) + 0.0  # no -0
        columns: dict[str, Any] = {
            "controller": [*kinds],
            "missing in K": missing[0],
            "with cold water": missing[1],
            "overshoot in K": np.maximum(course[:HALF].max(axis=0) - self.target, 0),
        }
        note = (
            "Wound up: its integral grew while the heater was at its limit, and has to be lived"
            " down. The others stop it there."
        )
        return Table.of("ends", f"At {self.gain:g} % a kelvin", columns, note)

    def memory(self) -> Check:
        """Two boilers of one temperature, one of them heated until now: what the delay reveals."""
        theta = np.full(2, self.target)
        for _ in range(self.delay):
            theta = self.heat(theta, np.array([1.0, 0.0]), 0.0)
        apart = POWER * (1 - KEPT**self.delay)
        name = "one temperature, heated or not before: K apart after the delay"
        return self.near(name, apart, theta[0] - theta[1], 1e-9, "words")

    def claims(self, course: Floats, gains: Floats) -> Iterator[Check]:
        """What the algebra of the steady state says, and what it does not."""
        ultimate, _ = self.ultimate
        p, pi, pid, wound = (self.target - course[[HALF - 1, -1]]).T
        exact = self.offset(np.full(2, self.gain / 100), np.array([0, LOAD]))
        yield self.near("P: missing in K", exact[0], p[0], EXACT)
        yield self.near("P, cold water: missing in K", exact[1], p[1], EXACT)
        off = self.target - gains[-1] - self.offset(SHARES * ultimate, LOAD)
        name = "P, seven gains: farthest from (θ* - room + load) / (1 + K k), K"
        yield self.at_most(name, EXACT, np.abs(off[CALM]).max())
        for kind, missing in (("PI", pi), ("PID", pid)):
            yield self.near(f"{kind}: missing in K", 0, missing[0], EXACT)
            yield self.near(f"{kind}, cold water: missing in K", 0, missing[1], EXACT)
        yield self.near("PI, wound up: missing in K in the end", 0, wound[1], EXACT)
        over = course[:HALF].max(axis=0) - self.target
        yield self.at_most("PI: overshoot in K", 1, over[1])
        yield self.at_least("PI, wound up: overshoot in K", 10, over[3])
        swing = np.ptp(gains[-HALF // 2 :], axis=0)
        yield self.at_most("half the critical gain: swing in K in the end", EXACT, swing[4])
        yield self.at_least("1.2 times the critical gain: swing in K", 5, swing[11])

    def onset(self, ultimate: float, period: float) -> Iterator[Check]:
        """Where swings of a heater without bounds neither die nor grow, and how long they take."""
        gains = NEAR * ultimate
        course = self.simulate(Controllers(gains, bounded=False))[:HALF]
        course -= self.target - self.offset(gains)
        three = round(3 * period)
        early, late = (
            np.square(course[end - three : end]).mean(axis=0) for end in (HALF // 2, HALF)
        )
        critical = np.interp(0, np.log(late / early), NEAR)
        yield self.near("gain from which on P swings, over theory's", 1, critical, 1e-3)
        middle = course[:, len(NEAR) // 2]
        up = np.flatnonzero((middle[:-1] < 0) & (middle[1:] >= 0))
        yield self.near("period of the swing over theory's", 1, np.diff(up).mean() / period, 5e-3)
