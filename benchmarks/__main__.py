"""``python -m benchmarks``: every benchmark, or the ones that are named."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = ("kill", "clean", "audit", "processes", "pictures", "panels", "archive")


def main(names: list[str]) -> int:
    """Run benchmarks; 1 when a figure is over its bound."""
    results = [importlib.import_module(f"benchmarks.{name}").main() for name in names or BENCHMARKS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
