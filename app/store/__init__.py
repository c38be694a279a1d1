"""The run store: all SQL, behind verbs of the domain."""
