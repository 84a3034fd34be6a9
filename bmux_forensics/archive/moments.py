"""What a path itself says about a snapshot: when it was captured, and on which host."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from bmux_forensics.errors import UsageError

# A fraction counts only before `Z`: elsewhere it may be the number of a rotated copy.
_MOMENT: Final = re.compile(
    r"(?<![0-9])([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T _-]?"
    r"([0-9]{2})[:_.-]?([0-9]{2})[:_.-]?([0-9]{2})(?:[.,]([0-9]{1,9})(?=Z))?(Z)?(?![0-9])"
)
_OFFSET: Final = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
_HOLE: Final = "{host}"


def zone(name: str | tzinfo | None) -> tzinfo:
    """Return a time zone by name or offset; None means UTC.

    Raises
    ------
    UsageError
        There is no such zone.

    Examples
    --------
    >>> zone(None), zone("+05:30").utcoffset(None)
    (datetime.timezone.utc, datetime.timedelta(seconds=19800))
    """
    if name is None:
        return UTC
    if isinstance(name, tzinfo):
        return name
    try:
        if offset := _OFFSET.fullmatch(name):
            sign, hours, minutes = offset.groups()
            distance = timedelta(hours=int(hours), minutes=int(minutes))
            return timezone(-distance if sign == "-" else distance)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, a folder, or an offset of days
        raise UsageError(
            "time zone", f"{name!r}", expected="a name like Europe/Berlin or an offset like +02:00"
        ) from None


def moment_in(file_name: str, assumed: tzinfo) -> datetime | None:
    """Return the moment that a file's name carries, in UTC; None when it carries none.

    Parameters
    ----------
    file_name : str
        The name without its folders.
    assumed : tzinfo
        The zone of a moment that is not marked as UTC with ``Z``.

    Examples
    --------
    >>> moment_in("bmux-snapshot-v1.20261122T115610Z.json", UTC)
    datetime.datetime(2026, 11, 22, 11, 56, 10, tzinfo=datetime.timezone.utc)
    >>> moment_in("snap-2026-11-22_115610.json.gz", zone("+02:00")).hour
    9
    >>> moment_in("snap-20261399T990000Z.json", UTC) is None
    True
    """
    for match in reversed(list(_MOMENT.finditer(file_name))):
        *parts, fraction, utc = match.groups()
        micros = int((fraction or "").ljust(6, "0")[:6])
        try:
            year, month, day, hour, minute, second = map(int, parts)
            zone_of = UTC if utc else assumed
            found = datetime(year, month, day, hour, minute, second, micros, tzinfo=zone_of)
            return found.astimezone(UTC)
        except (ValueError, OverflowError):
            continue  # digits that are no moment
    return None


def host_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """Turn a path pattern with ``{host}`` in it into an expression to search a path with.

    ``{host}`` stands for (part of) one folder or file name, as long as can be; ``*`` for any
    other such text, as short as can be.
    The pattern begins where a name begins, and may stand anywhere in the path.

    Raises
    ------
    UsageError
        The pattern does not have ``{host}`` exactly once.

    Examples
    --------
    >>> host_in("backups/web-1/2026/snap.json", host_pattern("backups/{host}/"))
    'web-1'
    >>> host_in("elsewhere/snap.json", host_pattern("backups/{host}/")) is None
    True
    """
    if pattern is None:
        return None
    if pattern.count(_HOLE) != 1:
        raise UsageError("host pattern", f"{pattern!r}", expected="{host} in it, once")
    before, after = (_spelled(side) for side in pattern.split(_HOLE))
    return re.compile(rf"(?:\A|(?<=/)){before}(?P<host>[^/]+){after}")


def _spelled(text: str) -> str:
    """Spell text with stars so that no name makes the search try every way to share it out.

    What follows a star is looked for once, from the left: as good as any other place, for
    nothing has to end there.
    """
    first, *rest = map(re.escape, re.split(r"\*+", text))
    return first + "".join(f"(?>[^/]*?{literal})" for literal in rest)


def host_in(path: str, pattern: re.Pattern[str] | None) -> str | None:
    """Return the host that a path names, or None."""
    match = pattern.search(path) if pattern else None
    return match["host"] if match else None
