"""Where the data come from: files with a digest, the houses, Fashion-MNIST, and synthetic sets."""
