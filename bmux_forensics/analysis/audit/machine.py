"""What a snapshot names that this machine lacks; the caller is asked, nothing is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from bmux_forensics.analysis.audit.evidence import Evidence
from bmux_forensics.analysis.audit.findings import Found

Asked = Mapping[str, bool] | Callable[[Iterable[str]], Mapping[str, bool]]
"""Which paths exist: known already, or to be asked once for all paths of a batch."""

_RULES: Final = (("folder-gone", "last_known_cwd"), ("shell-gone", "shell"))


def gone(evidence: Evidence, host: Asked | None) -> Iterator[Found]:
    """Find folders and shells that are not there; a path of which nothing is known is."""
    if host is None:
        return
    columns: dict[str, list[Any]] = {
        column: evidence.column("panes", column).to_pylist() for _, column in _RULES
    }
    paths = dict.fromkeys(path for values in columns.values() for path in values if path)
    known = host(paths) if callable(host) else host
    for rule, column in _RULES:
        lost = [not known.get(path, True) if path else False for path in columns[column]]
        mask = np.array(lost, dtype=bool) & evidence.counted("panes")
        yield Found(rule, "panes", mask, column)
