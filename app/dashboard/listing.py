"""The address of a list of jobs: what it asks of the store, and the address of its neighbours."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from app.store.search import SORTS, Listing
from app.store.states import JobStatus

PAGE = 50
FALLING = {"id", "created_at"}  # the newest first; all else from the lowest up


@dataclass(frozen=True, slots=True)
class Query:
    """The state of the Jobs page, which its address holds."""

    q: str = ""
    status: str = ""
    sort: str = "id"
    dir: str = "desc"
    after: str = ""  # cursor of the page before

    @classmethod
    def of(cls, params: Mapping[str, str]) -> "Query":
        """From an address that anybody may have typed: what makes no sense is left out."""
        sort = params.get("sort", "")
        sort = sort if sort in SORTS else "id"
        direction = params.get("dir", "")
        if direction not in {"asc", "desc"}:
            direction = "desc" if sort in FALLING else "asc"
        status = params.get("status", "")
        return cls(
            q=params.get("q", "").strip()[:200],
            status=status if status in {str(known) for known in JobStatus} else "",
            sort=sort,
            dir=direction,
            after=params.get("after", ""),
        )

    def __getitem__(self, name: str) -> str:
        """For templates."""
        value: str = getattr(self, name)
        return value

    def link(self, **changes: str) -> str:
        """The address with these changes, without what is the default anyway."""
        state = asdict(self) | changes
        state = {name: value for name, value in state.items() if value}
        if state.get("sort") == "id" and state.get("dir") == "desc":
            del state["sort"], state["dir"]
        return "/jobs" + (f"?{urlencode(state)}" if state else "")

    def listing(self, limit: int = PAGE) -> Listing:
        """What it asks of the store."""
        listing = Listing(
            status=JobStatus(self.status) if self.status else None,
            text=self.q,
            sort=self.sort,
            descending=self.dir == "desc",
            limit=limit,
        )
        try:
            return listing.behind(self.after)
        except (ValueError, TypeError):  # none, or of another list: the first page
            return listing
