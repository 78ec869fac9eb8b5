"""The difference between two versions of one contract: every change, and the version that the changes demand.

Pure: two contracts in, changes out. Properties are matched by their field numbers, which is how rows are read; what of
the claims breaks is found by compiling them (`impact`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date

from kernel.errors import Invalid
from schemas.allowed import Allowed
from schemas.changes import Bump, Change, Kind
from schemas.contract import Check, Contract, Property, Rule, Sensitivity

_SENSITIVITY = (Sensitivity.INTERNAL, Sensitivity.PERSONAL, Sensitivity.RESTRICTED)
_IN_PROPERTY: Mapping[Check, tuple[str, ...]] = {
    Check.PRESENT: ("required",),
    Check.TYPED: ("type",),
    Check.VALUES: ("valid_values",),
    Check.PATTERN: ("pattern",),
    Check.RANGE: ("minimum", "maximum"),
}
"""Where a check's content stands in the property as well."""

NOBODY: Mapping[str, Collection[str]] = {}


def compare(old: Contract, new: Contract, *, readers: Mapping[str, Collection[str]] = NOBODY) -> tuple[Change, ...]:
    """Every change from one contract to another of the same dataset; raises Invalid for two datasets.

    `readers` names, by property, the claims that read it: a new value of a property that claims read is breaking.
    """
    if old.id != new.id:
        raise Invalid(f"{old.id} and {new.id} are two datasets", field="contract", remedy="compare versions of one")
    found = (*_properties(old, new, readers), *_keys(old, new), *_levels(old, new), *_rules(old, new))
    found += (*_server(old, new), *_words(old, new))
    if not found and old.digest != new.digest:
        return (Change(kind=Kind.TEXT_CHANGED, place=""),)
    return found


def demanded(changes: Sequence[Change]) -> Bump:
    """Which part of the version the changes raise together."""
    return max((each.bump for each in changes), default=Bump.NONE)


def raised(version: str, bump: Bump) -> str:
    """The smallest version that a bump allows after this one."""
    major, minor, patch = _numbers(version)
    match bump:
        case Bump.MAJOR:
            return f"{major + 1}.0.0"
        case Bump.MINOR:
            return f"{major}.{minor + 1}.0"
        case Bump.PATCH:
            return f"{major}.{minor}.{patch + 1}"
        case Bump.NONE:
            return version


def honoured(old: Contract, new: Contract, bump: Bump) -> bool:
    """Whether the new contract's version is raised as its changes demand; it is never lowered."""
    return _numbers(new.version) >= _numbers(raised(old.version, bump))


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def _properties(old: Contract, new: Contract, readers: Mapping[str, Collection[str]]) -> Iterator[Change]:
    subjects = {each.property for each in new.subject_keys}
    before = {each.number: each for each in old.properties}
    after = {each.number: each for each in new.properties}
    moved = {name for name in old.by_name.keys() & new.by_name.keys() if _number(old, name) != _number(new, name)}
    for number, was in before.items():
        now = after.get(number)
        if was.name in moved:
            numbers = str(number), str(_number(new, was.name))
            yield _change(Kind.FIELD_NUMBER_CHANGED, was.name, *numbers)
            yield from _property(was, new.by_name[was.name], readers, subjects)
        elif now is None:
            yield _change(Kind.PROPERTY_REMOVED, was.name, was.physical_name)
        elif now.name != was.name:
            renamed = now.type is was.type and now.physical_name == was.physical_name
            yield _change(Kind.PROPERTY_RENAMED if renamed else Kind.FIELD_NUMBER_REUSED, was.name, was.name, now.name)
            yield from _property(was, now, readers, subjects) if renamed else ()
    for number, now in after.items():
        if number not in before and now.name not in moved:
            kind = Kind.REQUIRED_PROPERTY_ADDED if now.required else Kind.PROPERTY_ADDED
            yield _change(kind, now.name, "", now.physical_name)
        elif number in before and before[number].name == now.name:
            yield from _property(before[number], now, readers, subjects)
    kept = [name for name in new.by_name if name in old.by_name]
    if kept != [name for name in old.by_name if name in new.by_name]:
        yield Change(kind=Kind.ORDER_CHANGED, place="properties")


def _number(contract: Contract, name: str) -> int:
    return contract.by_name[name].number


def _property(
    was: Property, now: Property, readers: Mapping[str, Collection[str]], subjects: Collection[str]
) -> Iterator[Change]:
    name = was.name
    if was.physical_name != now.physical_name:
        yield _change(Kind.COLUMN_RENAMED, name, was.physical_name, now.physical_name)
    if was.type is not now.type:
        yield _change(Kind.RETYPED, name, was.type, now.type)
    elif was.format != now.format:
        yield _change(Kind.FORMAT_CHANGED, name, was.format or "ISO 8601", now.format or "ISO 8601")
    if was.required != now.required:
        optional = Kind.SUBJECT_MADE_OPTIONAL if now.name in subjects else Kind.MADE_OPTIONAL
        yield Change(kind=Kind.MADE_REQUIRED if now.required else optional, place=name)
    if was.absence_means != now.absence_means:
        kind = Kind.ABSENCE_MEANS_CHANGED if was.absence_means else Kind.ABSENCE_MEANS_ADDED
        yield _change(kind, name, was.absence_means, now.absence_means)
    if was.sensitivity is not now.sensitivity:
        up = _SENSITIVITY.index(now.sensitivity) > _SENSITIVITY.index(was.sensitivity)
        kind = Kind.SENSITIVITY_RAISED if up else Kind.SENSITIVITY_LOWERED
        yield _change(kind, name, was.sensitivity, now.sensitivity)
    yield from _values(was, now, read=bool(readers.get(name)))
    if was.pattern != now.pattern:
        yield _change(Kind.PATTERN_CHANGED if now.pattern else Kind.PATTERN_REMOVED, name, was.pattern, now.pattern)
    yield from _range(was, now)
    if was.title != now.title:
        yield _change(Kind.TITLE_CHANGED, name, str(was.title), str(now.title))


def _values(was: Property, now: Property, *, read: bool) -> Iterator[Change]:
    """No valid values means that every value is one."""
    gone = [each for each in was.valid_values if each not in now.valid_values] if now.valid_values else []
    come = [each for each in now.valid_values if each not in was.valid_values] if was.valid_values else []
    before, after = "、".join(was.valid_values), "、".join(now.valid_values)
    if gone or (now.valid_values and not was.valid_values):
        yield _change(Kind.VALUES_NARROWED, was.name, before, after)
    if come or (was.valid_values and not now.valid_values):
        yield _change(Kind.READ_VALUES_WIDENED if read else Kind.VALUES_WIDENED, was.name, before, after)


def _range(was: Property, now: Property) -> Iterator[Change]:
    before, after = f"{was.minimum}…{was.maximum}", f"{now.minimum}…{now.maximum}"
    turns = {_tighter(was.minimum, now.minimum, rises=True), _tighter(was.maximum, now.maximum, rises=False)}
    if True in turns:
        yield _change(Kind.RANGE_NARROWED, was.name, before, after)
    elif False in turns:
        yield _change(Kind.RANGE_WIDENED, was.name, before, after)


def _tighter(was: str, now: str, *, rises: bool) -> bool | None:
    """Whether an end of a range lets fewer values pass; None where it is the same. What cannot be told is tighter."""
    if was == now:
        return None
    if not was or not now:
        return bool(now)
    for read in (float, lambda text: float(date.fromisoformat(text).toordinal())):
        try:
            before, after = read(was), read(now)
        except ValueError:
            continue
        return None if before == after else (after > before) is rises
    return True


def _keys(old: Contract, new: Contract) -> Iterator[Change]:
    if set(old.primary_key) != set(new.primary_key):
        yield _change(Kind.PRIMARY_KEY_CHANGED, "primaryKey", ", ".join(old.primary_key), ", ".join(new.primary_key))
    before = {each.property: each.name_property for each in old.subject_keys}
    after = {each.property: each.name_property for each in new.subject_keys}
    if before.keys() != after.keys():
        yield _change(Kind.SUBJECT_KEYS_CHANGED, "subjectKeys", ", ".join(before), ", ".join(after))
    elif before != after:
        names = (", ".join(each or "–" for each in keys.values()) for keys in (before, after))
        yield _change(Kind.SUBJECT_NAMES_CHANGED, "subjectKeys", *names)
    if old.complete_for != new.complete_for:
        kind = Kind.COMPLETE_FOR_CHANGED if old.complete_for else Kind.COMPLETE_FOR_ADDED
        yield _change(kind, "completeFor", old.complete_for, new.complete_for)
    for place, was, now in (
        ("nameRegister", old.name_register, new.name_register),
        ("identityAliases", _aliases(old), _aliases(new)),
    ):
        if was != now:
            yield _change(Kind.REGISTER_CHANGED if was else Kind.REGISTER_ADDED, place, was or "", now or "")


def _aliases(contract: Contract) -> str:
    aliases = contract.identity_aliases
    return f"{aliases.former} → {aliases.current}" if aliases else ""


def _levels(old: Contract, new: Contract) -> Iterator[Change]:
    """What is measured: one kind of change upwards, another downwards."""
    for place, was, now, up, down in (
        ("tolerance", old.tolerance, new.tolerance, Kind.TOLERANCE_RAISED, Kind.TOLERANCE_LOWERED),
        (
            "unattributableBound",
            old.unattributable_bound,
            new.unattributable_bound,
            Kind.BOUND_RAISED,
            Kind.BOUND_LOWERED,
        ),
        ("retention", old.retention_days, new.retention_days, Kind.RETENTION_LENGTHENED, Kind.RETENTION_SHORTENED),
    ):
        if was != now:
            yield _change(up if now > was else down, place, str(was), str(now))
    for place, before, after in (
        ("freshness", old.freshness, new.freshness),
        ("latency", old.latency, new.latency),
    ):
        if before != after:
            kind = Kind.FRESHNESS_LENGTHENED if after > before else Kind.FRESHNESS_SHORTENED
            yield _change(kind, place, str(before), str(after))
    if old.schedule != new.schedule:
        yield _change(Kind.SCHEDULE_CHANGED, "frequency", old.schedule, new.schedule)


def _rules(old: Contract, new: Contract) -> Iterator[Change]:
    """Rules by id. What follows from a property's change, or from the tolerance's, is told there and not again."""
    before, after = {each.id: each for each in old.rules}, {each.id: each for each in new.rules}
    for name, was in before.items():
        now = after.get(name)
        follows = _told(old, new, was) and (now is None or _told(old, new, now))
        if now is None:
            if not follows and not _of_primary_key(old, was):
                yield _change(Kind.RULE_REMOVED, name, _content(was))
            continue
        if _of_primary_key(old, was) and _of_primary_key(new, now):
            yield from _key_rule(old, new, was, now)
            continue
        if _bare(was) != _bare(now) and not follows:
            yield _change(Kind.RULE_CHANGED, name, _content(was), _content(now))
        yield from _allowed(old, new, was, now)
    for name, now in after.items():
        follows = _told(old, new, now)
        if name in before or follows:
            continue
        of_key = [each for each in old.rules if _of_primary_key(old, each)]
        if of_key and _of_primary_key(new, now):
            # Whatever it is called, it is the same rule.
            yield from _key_rule(old, new, next((e for e in of_key if e.id not in after), of_key[0]), now)
        else:
            yield _change(Kind.RULE_ADDED, name, "", _content(now))


def _key_rule(old: Contract, new: Contract, was: Rule, now: Rule) -> Iterator[Change]:
    """The primary-key rule of two contracts: which properties the key has is told as a change of the key."""
    if replace(_bare(was), id="", properties=()) != replace(_bare(now), id="", properties=()):
        yield _change(Kind.RULE_CHANGED, now.id, _content(was), _content(now))
    yield from _allowed(old, new, was, now)


def _allowed(old: Contract, new: Contract, was: Rule, now: Rule) -> Iterator[Change]:
    if was.allowed != now.allowed and not (_by_tolerance(old, was) and _by_tolerance(new, now)):
        kind = Kind.TOLERANCE_RAISED if _wider(was.allowed, now.allowed) else Kind.TOLERANCE_LOWERED
        yield _change(kind, now.id, str(was.allowed), str(now.allowed))


def _told(old: Contract, new: Contract, rule: Rule) -> bool:
    """Whether what a rule says of one property is told as a change of that property."""
    if rule.check not in _IN_PROPERTY or len(rule.properties) != 1:
        return False
    was, now = (each.by_name.get(rule.properties[0]) for each in (old, new))
    if was is None and now is not None and now.number not in {each.number for each in old.properties}:
        # That a new property is required or has a type is told with it; what else is asked of its values is not.
        return rule.check in {Check.PRESENT, Check.TYPED}
    return was is None or now is None or any(getattr(was, f) != getattr(now, f) for f in _IN_PROPERTY[rule.check])


def _of_primary_key(contract: Contract, rule: Rule) -> bool:
    return rule.check is Check.UNIQUE and set(rule.properties) == set(contract.primary_key)


def _by_tolerance(contract: Contract, rule: Rule) -> bool:
    return rule.allowed == Allowed.share(contract.tolerance)


def _wider(was: Allowed, now: Allowed) -> bool:
    """Whether every count that was allowed still is."""
    if was.percent != now.percent:
        return now == Allowed(percent=now.percent)
    low = now.low is None or (was.low is not None and (now.low, now.above) <= (was.low, was.above))
    high = now.high is None or (was.high is not None and (now.high, not now.below) >= (was.high, not was.below))
    return low and high


def _bare(rule: Rule) -> Rule:
    return replace(rule, allowed=Allowed(), description="", dimension="")


def _content(rule: Rule) -> str:
    """What a rule says, without what it is called and how much of it is borne."""
    skipped = {"id", "allowed", "description", "dimension"}
    parts = ((each.name, getattr(rule, each.name)) for each in fields(rule) if each.name not in skipped)
    return ", ".join(f"{name} {_plain(value)}" for name, value in parts if value)


def _server(old: Contract, new: Contract) -> Iterator[Change]:
    for each in fields(old.server):
        was, now = getattr(old.server, each.name), getattr(new.server, each.name)
        if was != now:
            yield _change(Kind.SERVER_CHANGED, f"servers.{each.name}", _plain(was), _plain(now))


def _words(old: Contract, new: Contract) -> Iterator[Change]:
    if old.deciders != new.deciders:
        yield _change(Kind.DECIDERS_CHANGED, "team.members", ", ".join(old.deciders), ", ".join(new.deciders))
    if old.department != new.department:
        yield _change(Kind.DEPARTMENT_CHANGED, "domain", old.department, new.department)
    for place, was, now in (("title", old.title, new.title), ("team", old.department_title, new.department_title)):
        if was != now:
            yield _change(Kind.TITLE_CHANGED, place, str(was), str(now))


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return " ".join(str(each) for each in value)
    return "" if value is None else str(value)


def _change(kind: Kind, place: str, before: str = "", after: str = "") -> Change:
    return Change(kind=kind, place=place, before=before, after=after)
