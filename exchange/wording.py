"""What reports say about each kind of rule: what is wrong, and what the department can do."""

from dataclasses import dataclass

from exchange.rules import TOO_LONG
from exchange.verdict import DELIVERY, UNJUDGED
from schemas.contract import Check
from schemas.title import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A kind of rule, in words."""

    what: Title
    remedy: Title


WORDING: dict[str, Wording] = {
    Check.PRESENT: Wording(
        what=Title(zh="必填项为空", en="A required value is missing"),
        remedy=Title(zh="请在业务系统中补齐后重新交付。", en="Fill it in at the source and deliver again."),
    ),
    Check.TYPED: Wording(
        what=Title(zh="内容不是有效的值", en="The text is no valid value"),
        remedy=Title(
            zh="请核对原件：号码校验位、日期是否存在、数字中是否混入文字。",
            en="Check it against the original: check digits, impossible dates, letters among digits.",
        ),
    ),
    Check.VALUES: Wording(
        what=Title(zh="不在约定的取值之内", en="Not one of the agreed values"),
        remedy=Title(
            zh="请改为约定的取值；如有新取值，请先修订数据合同。",
            en="Use an agreed value; for a new one, amend the contract first.",
        ),
    ),
    Check.PATTERN: Wording(
        what=Title(zh="格式不符", en="Does not have the agreed form"),
        remedy=Title(zh="请按约定的格式填写。", en="Write it in the agreed form."),
    ),
    Check.COMPLETE: Wording(
        what=Title(zh="空缺过多", en="Too many values are missing"),
        remedy=Title(
            zh="该项可以为空，但空缺不得超过约定；请在业务系统中补齐。",
            en="It may be absent, but not so often; fill it in at the source.",
        ),
    ),
    Check.LENGTH: Wording(
        what=Title(zh="长度不符", en="Too short or too long"),
        remedy=Title(zh="请核对是否截断或串列。", en="Look for truncated or shifted values."),
    ),
    Check.MULTIPLE: Wording(
        what=Title(zh="不是约定的倍数", en="Not a multiple of what was agreed"),
        remedy=Title(zh="请核对单位与精度。", en="Check unit and precision."),
    ),
    Check.REFERS: Wording(
        what=Title(zh="在被引用的数据资源中查无", en="Not found in the dataset that it refers to"),
        remedy=Title(
            zh="请核对该值；若无误，请先让被引用的部门补登并发布。",
            en="Check the value; if it is right, the other department registers and publishes it first.",
        ),
    ),
    UNJUDGED: Wording(
        what=Title(zh="无法比对", en="Nothing to compare with"),
        remedy=Title(
            zh="请先发布被引用的数据资源，再重新交付；如不需比对，可由责任部门放行。",
            en="Publish the dataset referred to, then deliver again; its department may release it without comparing.",
        ),
    ),
    Check.ROW_COUNT: Wording(
        what=Title(zh="记录数不符", en="Not as many rows as agreed"),
        remedy=Title(
            zh="请确认交付是否完整；如业务确有变化，请修订数据合同。",
            en="Make sure that the delivery is whole; if the registry has changed, amend the contract.",
        ),
    ),
    Check.RANGE: Wording(
        what=Title(zh="超出合理范围", en="Outside the agreed range"),
        remedy=Title(zh="请核对原件后更正。", en="Check it against the original and correct it."),
    ),
    Check.UNIQUE: Wording(
        what=Title(zh="同一主键有互相矛盾的记录", en="Records of one key contradict each other"),
        remedy=Title(
            zh="请确认哪一条有效，删除或更正其余记录。", en="Decide which one is right; delete or correct the others."
        ),
    ),
    Check.HOLDS: Wording(
        what=Title(zh="记录内容前后矛盾", en="The record contradicts itself"),
        remedy=Title(zh="请核对原件后更正。", en="Check it against the original and correct it."),
    ),
    TOO_LONG: Wording(
        what=Title(zh="记录过长", en="The record is too long"),
        remedy=Title(zh="请检查是否串行或漏写分隔符。", en="Look for joined lines or missing delimiters."),
    ),
    DELIVERY: Wording(
        what=Title(zh="整批数据异常", en="The delivery as a whole is out of bounds"),
        remedy=Title(
            zh="请确认交付是否完整、是否为最新；确认无误可由责任部门放行。",
            en="Make sure that it is whole and the newest; if it is right, its department may release it.",
        ),
    ),
}


def wording(kind: str) -> Wording:
    """The words for a kind of rule."""
    return WORDING[kind]
