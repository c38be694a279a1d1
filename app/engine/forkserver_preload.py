"""Imported by the fork server and by nobody else: the server, too, dies with the worker.

Without this it lives as long as any of its children does: each holds an end of its pipe.
"""

from app.engine.orphans import die_with_parent

die_with_parent()
