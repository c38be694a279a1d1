"""4.10 The houses of Ames: files, attributes, folds, the book's figures, the submission."""
