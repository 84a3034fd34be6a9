"""Every rule, looked up by id and printed: the page of one, and the table of all."""

from __future__ import annotations

import difflib
from typing import Final

from bmux_forensics.analysis.rules.model import SEVERITIES, TARGETS, Rule
from bmux_forensics.analysis.rules.pane_rules import PANE_RULES
from bmux_forensics.analysis.rules.reference_rules import DANGLING_RULES, NAMING_RULES
from bmux_forensics.analysis.rules.section_rules import SECTION_RULES
from bmux_forensics.errors import UsageError

RULES: Final = (*SECTION_RULES, *PANE_RULES, *NAMING_RULES, *DANGLING_RULES)
"""Every rule there is, worst first within its group."""

BY_ID: Final = {rule.id: rule for rule in RULES}
POSITION: Final = {rule.id: position for position, rule in enumerate(RULES)}


def rule_of(rule_id: str) -> Rule:
    """Return a rule by its id.

    Raises
    ------
    UsageError
        There is no such rule; the advice names the nearest ones.

    Examples
    --------
    >>> rule_of("pane-row-twice").fix_class.value
    'safe'
    """
    if rule_id in BY_ID:
        return BY_ID[rule_id]
    near = difflib.get_close_matches(rule_id, BY_ID, n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else "`docs/rules.md` lists them all"
    raise UsageError("rule", f"{rule_id!r}", expected="the id of a rule", advice=advice)


def explain(rule_id: str) -> str:
    """Return the page of one rule: what it means, what bmux does, what can be done.

    Parameters
    ----------
    rule_id : str
        The id of the rule.

    Raises
    ------
    UsageError
        There is no such rule.

    Examples
    --------
    >>> print(explain("session-id-twice"))
    session-id-twice
      alpha4  warning
      alpha1  warning
    <BLANKLINE>
    Two rows of the sessions section have the same id.
    What bmux does: The server drops the later row.
    What can be done (none): Nothing needs mending for a server to start.
    """
    rule = rule_of(rule_id)
    targets = [f"  {target}  {rule.severity.get(target, 'not concerned')}" for target in TARGETS]
    lines = [
        rule.id,
        *targets,
        "",
        rule.meaning,
        f"What bmux does: {rule.effect}",
        f"What can be done ({rule.fix_class}): {rule.fix}",
    ]
    return "\n".join(lines)


_HEAD: Final = """\
# Rules

Generated from the rules themselves (`bmux_forensics.analysis.rules`); do not edit.

A severity holds for a target server: alpha.4, alpha.1. An *error* means that the server
will not start, will refuse to save, or loses sessions or panes; a *warning*, that something
dangles or contradicts itself; *info* is worth knowing. `repair` does *safe* fixes unasked
and *opt-in* ones when the rule is named.

| rule | alpha.4 | alpha.1 | fix |
| --- | --- | --- | --- |
"""


def rules_page() -> str:
    """Return the documentation page of all rules, as Markdown.

    Examples
    --------
    >>> rules_page().splitlines()[0]
    '# Rules'
    """
    rules = sorted(RULES, key=lambda r: min(map(SEVERITIES.index, r.severity.values())))
    rows = [
        f"| [{r.id}](#{r.id}) | {r.severity.get('alpha4', '-')} "
        f"| {r.severity.get('alpha1', '-')} | {r.fix_class} |\n"
        for r in rules
    ]
    sections = [
        f"\n## {r.id}\n\n{r.meaning}\n\n- What bmux does: {r.effect}\n"
        f"- What can be done ({r.fix_class}): {r.fix}\n"
        for r in rules
    ]
    return _HEAD + "".join(rows) + "".join(sections)
