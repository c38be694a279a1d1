"""The dashboard: what pages need from the store, and the files a browser is given."""
