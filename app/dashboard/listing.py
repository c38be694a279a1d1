"""The address of a list of jobs: what it asks of the store, and the address of its neighbours."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from app.store.search import SORTS, VALUES, Listing
from app.store.states import JobStatus

PAGE = 50
FALLING = {"id", "created_at"}  # the newest first; all else from the lowest up
RANKED = "A value is ranked among those of its own measure only: choose one to sort by it."


@dataclass(frozen=True, slots=True)
class Query:
    """The state of the Jobs page, which its address holds."""

    q: str = ""
    status: str = ""
    measure: str = ""
    sort: str = "id"
    dir: str = "desc"
    after: str = ""  # cursor of the page before

    @classmethod
    def of(cls, params: Mapping[str, str], measures: Collection[str]) -> tuple["Query", list[str]]:
        """From an address that anybody may have typed, and what in it makes no sense, in words.

        `measures` are those that jobs have. What makes no sense is left out.
        """
        complaints = list[str]()

        def known(name: str, those: Collection[str], noun: str) -> str:
            """The value of a parameter, if it is one of those."""
            value = params.get(name, "")
            if value and value not in those:
                there = ", ".join(those) or "none yet"
                complaints.append(f"There is no {noun} {value[:40]!r}. There are: {there}.")
            return value if value in those else ""

        measure = known("measure", measures, "measure")
        status = known("status", [str(status) for status in JobStatus], "state")
        sort = known("sort", SORTS, "column to sort by") or "id"
        if sort in VALUES and not measure:
            sort = "id"
            complaints.append(RANKED)
        direction = known("dir", ("asc", "desc"), "direction")
        query = cls(
            q=params.get("q", "").strip()[:200],
            status=status,
            measure=measure,
            sort=sort,
            dir=direction or ("desc" if sort in FALLING else "asc"),
            after=params.get("after", ""),
        )
        return query, complaints

    def __getitem__(self, name: str) -> str:
        """For templates."""
        value: str = getattr(self, name)
        return value

    @property
    def narrows(self) -> bool:
        """Whether it asks for some jobs only."""
        return bool(self.q or self.status or self.measure)

    @property
    def ranks(self) -> bool:
        """Whether the first row is the lowest of all."""
        return (self.sort, self.dir, self.after) == ("valid", "asc", "")

    def link(self, **changes: str) -> str:
        """The address with these changes, without what is the default anyway."""
        state = asdict(self) | changes
        if not state["measure"] and state["sort"] in VALUES:
            state |= {"sort": "id", "dir": "desc"}
        state = {name: value for name, value in state.items() if value}
        if state.get("sort") == "id" and state.get("dir") == "desc":
            del state["sort"], state["dir"]
        return "/jobs" + (f"?{urlencode(state)}" if state else "")

    def listing(self, limit: int = PAGE) -> Listing:
        """What it asks of the store."""
        listing = Listing(
            status=JobStatus(self.status) if self.status else None,
            measure=self.measure,
            text=self.q,
            sort=self.sort,
            descending=self.dir == "desc",
            limit=limit,
        )
        try:
            return listing.behind(self.after)
        except (ValueError, TypeError):  # none, or of another list: the first page
            return listing
