"""The rules by which a name moves from version to version: promote, roll back, name, remove."""

from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.serving.predictors import gate
from app.store.models import AliasMove, Version
from app.store.registry import CHAMPION, NAME, RESERVED, Registry
from app.store.states import Act
from ml.predictor import Gate

WHO, REASON = 100, 1000  # characters that the history holds
LEAST_REASON = 20
"""Characters of a reason that forces a gate."""


def judged(session: Session, model: str) -> tuple[Version, Gate | None]:
    """A version, and what is known of it beside who answers, or did so last; None where it is that
    itself, or where nobody ever did. Raises NotFound."""
    registry = Registry(session)
    version, _ = registry.get(model)
    beside = registry.names().get(CHAMPION) or registry.previous()
    if beside is None or beside == version.id:
        return version, None
    return version, gate(version.id, beside)


def promote(
    session: Session,
    model: str,
    *,
    who: str,
    reason: str = "",
    force: bool = False,
    instead_of: int | None = None,
) -> AliasMove:
    """Let a version answer in the champion's place, where the gate lets it, or a reason does.

    Raises:
        NotFound: where there is no such version.
        Conflict: where it answers already, the gate does not let it, or another has become
            champion than the one it was judged against, `instead_of`.
        Invalid: where it is forced without a reason.
    """
    registry, who, reason = Registry(session), _said(who, WHO), _said(reason, REASON)
    registry.lock()
    version, found = judged(session, model)
    _expect(registry, instead_of)
    if registry.names().get(CHAMPION) == version.id:
        raise Conflict(f"Version {version.id} is the champion already.")
    passed = found is None or found.passed
    if force:
        _needs_reason("Forcing", reason)
    if not passed and not force:
        assert found is not None
        raise Conflict(
            f"{found.sentence} It is not promoted; force it with a reason if it shall be."
        )
    return registry.point(
        CHAMPION,
        version.id,
        Act.promoted,
        who=who,
        reason=reason,
        evidence=found.sentence if found else "Nobody else has answered before.",
        forced=not passed,
    )


def roll_back(
    session: Session, *, who: str, reason: str = "", instead_of: int | None = None
) -> AliasMove:
    """Let the version answer again that did so before the champion.

    Raises:
        Conflict: where there was none, or another is champion than was thought.
    """
    registry, who, reason = Registry(session), _said(who, WHO), _said(reason, REASON)
    registry.lock()
    _expect(registry, instead_of)
    before = registry.previous()
    if before is None:
        raise Conflict("There is no earlier champion to go back to.")
    return registry.point(CHAMPION, before, Act.rolled_back, who=who, reason=reason)


def name(session: Session, alias: str, model: str, *, who: str, reason: str = "") -> AliasMove:
    """Let a name of one's own point at a version.

    Raises:
        NotFound: where there is no such version.
        Invalid: where that can be no name.
        Conflict: where it is the champion's, which has a gate.
    """
    if alias == CHAMPION:
        raise Conflict("Who answers is not named but promoted: it has to pass the gate.")
    if not NAME.fullmatch(alias) or alias in RESERVED:
        raise Invalid(
            "A name has 2 to 40 small letters, digits and hyphens, a letter first, no hyphen last;"
            f" {' and '.join(sorted(RESERVED))} cannot be one."
        )
    registry, who, reason = Registry(session), _said(who, WHO), _said(reason, REASON)
    registry.lock()
    version, _ = registry.get(model)
    if registry.names().get(alias) == version.id:
        raise Conflict(f"{alias} is version {version.id} already.")
    found = judged(session, model)[1] if alias == "challenger" else None
    return registry.point(
        alias, version.id, Act.named, who=who, reason=reason,
        evidence=found.sentence if found else "",
    )  # fmt: skip


def remove(session: Session, alias: str, *, who: str, reason: str = "") -> AliasMove:
    """Take a name away; the version stays. Without a champion nobody answers, until one is
    promoted: its gate is beside who answered last.

    Raises:
        Conflict: where there is no such name.
        Invalid: where it is the champion's, and no reason is given.
    """
    registry, who, reason = Registry(session), _said(who, WHO), _said(reason, REASON)
    registry.lock()
    if alias not in registry.names():
        raise Conflict(f"No version is called {alias[:40]!r}.")
    if alias == CHAMPION:
        _needs_reason("Nobody answers without a champion: taking it away", reason)
    forced = alias == CHAMPION
    return registry.point(alias, None, Act.removed, who=who, reason=reason, forced=forced)


def _needs_reason(act: str, reason: str) -> None:
    if len(reason) < LEAST_REASON:
        raise Invalid(f"{act} needs a reason of at least {LEAST_REASON} characters: it is kept.")


def _expect(registry: Registry, instead_of: int | None) -> None:
    now = registry.names().get(CHAMPION)
    if instead_of is None or now == instead_of:
        return
    last = registry.history(1, CHAMPION)
    by = f", by {last[0].who}" if last else ""
    there = f"Version {now} is the champion" if now else "Nobody is the champion"
    raise Conflict(f"{there} by now{by}, and no longer version {instead_of}: look again.")


def _said(text: str, most: int) -> str:
    """What somebody writes, as it can be kept and shown: no control characters, never too long.

    Raises:
        Invalid: where it is longer than the history holds.
    """
    plain = "".join(c if c.isprintable() else " " for c in text).strip()
    if len(plain) > most:
        raise Invalid(f"That is {len(plain):,} characters; the history holds {most:,}.")
    return plain or ("nobody named" if most == WHO else "")
