"""The fields that experiments share: kind, bounds, title, symbol, group and text, each said once.

An experiment writes `lr: fields.Lr = 0.003`; one that needs other bounds or words writes
`lr: Annotated[fields.Lr, Field(le=1)] = 0.003`: the outer annotation wins. A field that it alone
has is `depth: int = fields.own(10, "Network", "Depth", "Layers.", "L", ge=2, le=16)`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.fields import FieldInfo

IMAGES = 60_000  # training images of Fashion-MNIST


def knob(group: str, title: str, description: str, symbol: str = "", **bounds: Any) -> FieldInfo:
    """A field's bounds, and how a form shows it: under which heading, by which name and letter."""
    extra: dict[str, Any] = {"group": group} | ({"symbol": symbol} if symbol else {})
    field: FieldInfo = Field(
        title=title, description=description, json_schema_extra=extra, **bounds
    )
    return field


def own(
    default: Any, group: str, title: str, description: str, symbol: str = "", **bounds: Any
) -> Any:
    """The same for a field that one experiment alone has, with its default."""
    extra: dict[str, Any] = {"group": group} | ({"symbol": symbol} if symbol else {})
    return Field(default, title=title, description=description, json_schema_extra=extra, **bounds)


# ---- how it is run
Seed = Annotated[int, knob("Run", "Seed", "Seed of every random draw.", ge=0, lt=2**31)]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    knob("Run", "Device", "auto takes a GPU when there is one."),
]

# ---- training
Lr = Annotated[float, knob("Training", "Learning rate", "Learning rate.", "η", gt=0, le=1000)]
WeightDecay = Annotated[
    float,
    knob("Training", "Weight decay", "Decay of the weights, not the biases.", "λ", ge=0, le=1000),
]
BatchSize = Annotated[int, knob("Training", "Batch", "Rows a step.", ge=1, le=IMAGES)]
Optimizer = Annotated[
    Literal["adamw", "adam"],
    knob(
        "Training",
        "Optimizer",
        "adam adds the decay to the gradient, as the book, which decays the biases, too; adamw"
        " keeps the two apart.",
    ),
]
NumEpochs = Annotated[
    int, knob("Training", "Epochs", "Passes over the training rows.", ge=1, le=20_000)
]

# ---- network
NumHiddens = Annotated[
    int, knob("Network", "Hidden units", "Units of each hidden layer.", "h", ge=1, le=2048)
]
HiddenLayers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=2048)], ...],
    knob(
        "Network",
        "Hidden layers",
        "Units of each hidden layer, with commas; empty for a linear model.",
        "h",
        max_length=6,
        strict=False,  # JSON has no tuple; its items stay strict
    ),
]
Activation = Annotated[
    Literal["relu", "tanh", "sigmoid"],
    knob("Network", "Activation", "The activation function.", "φ"),
]
NumOutputs = Annotated[
    int, knob("Network", "Outputs", "Outputs of the network.", "q", ge=1, le=1000)
]
Alpha = Annotated[
    float,
    knob(
        "Network",
        "Slope below zero",
        "Slope below zero: 0 is the ReLU, more is pReLU, 1 a line.",
        "α",
        ge=0,
        le=1,
    ),
]
Dropout = Annotated[
    float, knob("Network", "Dropout", "Probability of dropping a hidden unit.", "p", ge=0, lt=1)
]
Dropout1 = Annotated[
    float,
    knob("Network", "Dropout 1", "Probability in the first hidden layer.", "p₁", ge=0, lt=1),
]
Dropout2 = Annotated[
    float,
    knob("Network", "Dropout 2", "Probability in the second hidden layer.", "p₂", ge=0, lt=1),
]

# ---- data
NumTrain = Annotated[
    int, knob("Data", "Training points", "Points to learn from.", "n", ge=2, le=10_000)
]
NumTest = Annotated[int, knob("Data", "Test points", "Points to be tested on.", ge=2, le=10_000)]
NumInputs = Annotated[int, knob("Data", "Inputs", "Features of a point.", "d", ge=1, le=1000)]
Noise = Annotated[
    float, knob("Data", "Noise", "Standard deviation of the noise on y.", "σ", ge=0, le=10)
]
NumFeatures = Annotated[
    int, knob("Data", "Features", "Powers of x used: the degree plus one.", "d", ge=1, le=20)
]
Degree = Annotated[int, knob("Model", "Degree", "Degree of the polynomial.", "d", ge=0, le=30)]
NumImages = Annotated[
    int,
    knob(
        "Data",
        "Training images",
        "Images to learn from, of 60,000; it is tested on all 10,000.",
        "n",
        ge=10,
        le=IMAGES,
    ),
]

# ---- figure
Limit = Annotated[float, knob("Figure", "Limit", "x runs from -limit to limit.", gt=0, le=50)]

# ---- repetitions: what a mean may be taken over
K = Annotated[
    int,
    knob("Repetitions", "Folds", "Folds of cross-validation, side by side.", "k", ge=2, le=20),
]
Shuffle = Annotated[
    int, knob("Data", "Shuffle", "Which order the rows are shuffled into.", ge=0, le=10_000)
]
Repeats = Annotated[
    int,
    knob(
        "Data",
        "Repeats",
        "Shuffles, one after another, each with folds of its own.",
        "R",
        ge=1,
        le=10,
        validate_default=True,
    ),
]
NumSets = Annotated[
    int, knob("Repetitions", "Data sets", "Data sets drawn, learnt side by side.", ge=1, le=50)
]
NumSeeds = Annotated[
    int, knob("Repetitions", "Seeds", "Starts and orders tried for each setting.", ge=1, le=20)
]
