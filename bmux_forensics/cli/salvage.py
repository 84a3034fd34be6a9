"""``salvage``: everything that is whole in a damaged snapshot, as a new file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.findings import put_audit, put_text
from bmux_forensics.cli.options import JSON, SCHEMA, SIZE_LIMIT, STDIN
from bmux_forensics.cli.output import put, put_json
from bmux_forensics.cli.working import working
from bmux_forensics.errors import PartlyDoneError, WriteError, path_text, several

if TYPE_CHECKING:
    import pandas as pd

_PROOFS = {
    "checksum": "the checksum fits: the sections are as bmux wrote them",
    "mended": "one byte was wrong and is undone: now the checksum fits",
    "none": "no checksum vouches for the content: look at it before you use it",
}


@click.command(name="salvage")
@click.argument("path", metavar="FILE")
@click.option(
    "-o",
    "--output",
    type=click.Path(readable=False, path_type=Path),
    metavar="NEW",
    required=True,
    help="The new file.",
)
@click.option("--overwrite", is_flag=True, help="Replace another file of that name.")
@JSON
@SIZE_LIMIT
def command(path: str, *, output: Path, overwrite: bool, as_json: bool, size_limit: int) -> int:
    """Carve what is whole out of a damaged snapshot into a new one.

    Every complete section is kept, and of a damaged one every complete row; what was
    lost is listed. FILE stays as it is. Exit code 3 when nothing could be kept.
    """
    try:
        with working("salvage", quiet=path == STDIN):
            outcome = bf.salvage(path, output, overwrite=overwrite, size_limit=size_limit or None)
            tables = bf.Tables([outcome.snapshot])
            findings, restore = bf.audit(tables), bf.forecast(tables)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), **_document(path, output)})
        raise
    try:
        if as_json:
            told = _document(path, output, outcome, findings, restore)
            put_json({"schema": SCHEMA, **failure(None), **told})
        else:
            _tell(outcome, findings, restore)
    except WriteError as error:
        raise PartlyDoneError(path_text(output), f"it is written, but {error}") from error
    return 0


def _tell(outcome: bf.SalvageOutcome, findings: pd.DataFrame, restore: pd.DataFrame) -> None:
    for line in salvage_lines(outcome.salvage):
        put_text(line)
    put(f"written: {path_text(outcome.path)}")
    put_audit(findings, restore)


def salvage_lines(salvage: bf.Salvage) -> list[str]:
    """Say of each section what was kept of it, then what was lost, then what vouches for it."""
    lines = [f"kept: {_kept(section)}" for section in salvage.kept]
    lines += [f"lost: {_lost(loss)}" for loss in salvage.lost]
    return [*lines, f"proof: {_PROOFS[salvage.proof]}"]


def _kept(section: Any) -> str:
    unknown = section.rows is None
    rows = several(section.size, "byte") if unknown else several(section.rows, "row")
    return f"{section.section_id}: {rows}, {'whole' if section.whole else 'what is complete'}"


def _lost(loss: Any) -> str:
    name = loss.section_id if loss.section_id is not None else "an unknown section"
    start, end = loss.place or (0, 0)
    place = f" (bytes {start} to {end})" if start < end else ""
    return f"{name}: {loss.reason}{place}"


def _document(
    path: str,
    output: Path,
    outcome: bf.SalvageOutcome | None = None,
    findings: pd.DataFrame | None = None,
    restore: pd.DataFrame | None = None,
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    return {
        "snapshot": path_text(path),
        "output": path_text(output),
        "written": outcome is not None,
        "sha256_before": outcome.source.sha256 if outcome else None,
        "sha256_after": outcome.snapshot.sha256 if outcome else None,
        "proof": str(outcome.salvage.proof) if outcome else None,
        "kept": [asdict(section) for section in outcome.salvage.kept] if outcome else [],
        "lost": [asdict(loss) for loss in outcome.salvage.lost] if outcome else [],
        "findings": records(findings) if findings is not None else [],
        "restore": records(restore) if restore is not None else [],
    }
