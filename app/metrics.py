"""What this process has counted since it began, as Prometheus reads it."""

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
priced = Counter(
    "ridgeline_answers", "Houses that were priced, by version.", ["version"], registry=REGISTRY
)
kept = Counter("ridgeline_answers_kept", "Answers written to the store.", registry=REGISTRY)
lost = Counter("ridgeline_answers_lost", "Answers that could not be written.", registry=REGISTRY)
seconds = Histogram(
    "ridgeline_pricing_seconds", "To price the houses of a request.", registry=REGISTRY,
    buckets=BUCKETS,
)  # fmt: skip
