"""What pyproject.toml cannot say: `alembic/` stays at the top, and reaches the wheel inside app."""

from setuptools import find_packages, setup

MIGRATIONS = {"app.store.alembic": "alembic", "app.store.alembic.versions": "alembic/versions"}

setup(
    packages=[*find_packages(include=["app*", "ml*"]), *MIGRATIONS],
    package_dir=MIGRATIONS,
    package_data={
        "app": ["catalogue/lessons/*", "dashboard/templates/**", "dashboard/static/**"],
        "app.store.alembic": ["script.py.mako"],
    },
)
