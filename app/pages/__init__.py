"""The pages for a browser: a file a page, each from the rows of the run store."""
