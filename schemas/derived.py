"""The rules that nobody need write: they follow from what a contract says of its properties and of its primary key."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from schemas.allowed import Allowed
from schemas.document import Document, Place
from schemas.property import Property, PropertyType
from schemas.quality_shape import BoundedProperty, Options
from schemas.range_end import check_ends, end_text
from schemas.rule import Check, Rule

FORMATS = {
    "email": r"[a-zA-Z0-9._%+\-]+@[a-zA-Z0-9.\-]+\.[a-zA-Z]{2,}",
    "uuid": r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    "uri": r"[a-zA-Z][a-zA-Z0-9+\-.]*:[^\s]*",
    "url": r"https?://[^\s/$.?#][^\s]*",
    "ipv4": r"((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)",
}
"""The formats of texts that the hub checks, as patterns of the whole text."""

_INTEGERS = {f"{sign}{bits}": (sign, bits) for sign in "iu" for bits in (8, 16, 32, 64, 128)}
_DIGITS_MAX = 10**18
_TEXTS = frozenset({PropertyType.STRING, PropertyType.IDENTITY, PropertyType.ORGANISATION})
_TYPE_ZH = {
    PropertyType.INTEGER: "整数",
    PropertyType.NUMBER: "数值",
    PropertyType.DATE: "日期",
    PropertyType.TIMESTAMP: "时间",
    PropertyType.IDENTITY: "证件号码",
    PropertyType.ORGANISATION: "统一社会信用代码",
}


def key_rules(properties: Iterable[Property], primary_key: tuple[str, ...], tolerance: float) -> Iterator[Rule]:
    """Required values are there, values are of their type, keys are unique."""
    allowed = Allowed.share(tolerance)
    for each in properties:
        if each.required:
            yield Rule(
                id=f"{each.name}_present",
                check=Check.PRESENT,
                properties=(each.name,),
                allowed=allowed,
                dimension="completeness",
                description=f"{each.title.zh}不得为空。 {each.title.en} is there.",
            )
        if each.type is not PropertyType.STRING:
            yield Rule(
                id=f"{each.name}_typed",
                check=Check.TYPED,
                properties=(each.name,),
                allowed=allowed,
                dimension="conformity",
                description=f"{each.title.zh}须为有效的{_TYPE_ZH[each.type]}。 {each.title.en} is a valid {each.type}.",
            )
    yield Rule(
        id="primary_key_unique",
        check=Check.UNIQUE,
        properties=primary_key,
        allowed=allowed,
        dimension="uniqueness",
        description="同一主键只能有一条记录。 One record a primary key.",
    )


def bound_rules(
    document: Document, at: Place, held: Property, shape: BoundedProperty, tolerance: float
) -> Iterator[Rule]:
    """What a property's own section says of its values: `unique`, `enum`, the options of its type.

    Notes what the hub would not check.
    """
    allowed = Allowed.share(tolerance)
    if shape.unique:
        rule = _rule(held, Check.UNIQUE, "值不得重复。", "has no value twice", allowed)
        yield replace(rule, dimension="uniqueness")
    if shape.values is not None:
        values = tuple(str(each.value) for each in shape.values)
        if held.type in {PropertyType.STRING, PropertyType.INTEGER}:
            rule = _rule(held, Check.VALUES, "须为约定的取值。", "is one of the agreed values", allowed)
            yield replace(rule, values=values)
        else:
            document.fault(f"a {held.type} cannot be one of some values", "say minimum and maximum", *at, "enum")
    yield from _option_rules(document, (*at, "logicalTypeOptions"), held, shape.options, allowed)


def _option_rules(document: Document, at: Place, held: Property, options: Options, allowed: Allowed) -> Iterator[Rule]:
    if options.pattern is not None:
        rule = _rule(held, Check.PATTERN, "须符合约定的格式。", "has the agreed form", allowed)
        yield replace(rule, pattern=options.pattern)
    if options.format and held.type in _TEXTS:
        if options.format in FORMATS:
            rule = _rule(held, Check.PATTERN, f"须为{options.format}。", f"is a {options.format}", allowed)
            yield replace(rule, id=f"{held.name}_format", pattern=FORMATS[options.format])
        else:
            known = ", ".join(FORMATS)
            document.fault(f"{options.format} is no format that the hub checks", f"use {known}, or a pattern", *at)
    if options.min_length is not None or options.max_length is not None:
        rule = _rule(held, Check.LENGTH, "长度须在约定范围内。", "is as long as agreed", allowed)
        yield replace(rule, length_min=options.min_length, length_max=options.max_length)
    if options.multiple_of is not None:
        text = end_text(options.multiple_of)
        rule = _rule(held, Check.MULTIPLE, f"须为{text}的倍数。", f"is a multiple of {text}", allowed)
        yield replace(rule, multiple_of=text)
    least, most = options.minimum, options.maximum
    if held.type is PropertyType.INTEGER and options.format in _INTEGERS:
        narrowest = _integer_ends(options.format)
        least, most = (narrowest[0] if least is None else least), (narrowest[1] if most is None else most)
    ends = (least, most, options.exclusive_minimum, options.exclusive_maximum)
    if any(end is not None for end in ends):
        check_ends(document, ends, held, at)
        rule = _rule(held, Check.RANGE, "须在约定范围内。", "lies in the agreed range", allowed)
        minimum, maximum, above, below = (end_text(end) for end in ends)
        yield replace(rule, minimum=minimum, maximum=maximum, above=above, below=below)


def _integer_ends(form: str) -> tuple[int | None, int | None]:
    """The ends of an integer format, as far as they are narrower than the 18 digits that the hub reads."""
    sign, bits = _INTEGERS[form]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "i" else (0, (1 << bits) - 1)
    return (low if low > -_DIGITS_MAX else None), (high if high < _DIGITS_MAX else None)


def _rule(held: Property, check: Check, zh: str, en: str, allowed: Allowed) -> Rule:
    return Rule(
        id=f"{held.name}_{check}",
        check=check,
        properties=(held.name,),
        allowed=allowed,
        dimension="conformity",
        description=f"{held.title.zh}{zh} {held.title.en} {en}.",
    )
