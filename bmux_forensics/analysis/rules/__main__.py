"""Print the page of rules: ``python -m bmux_forensics.analysis.rules > docs/rules.md``."""

from __future__ import annotations

import sys

from bmux_forensics.analysis.rules.book import rules_page

if __name__ == "__main__":
    sys.stdout.write(rules_page())
