"""One file a resource; a route is a few lines, and everything it asks stands in the run store."""
