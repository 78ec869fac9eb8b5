"""What changes in a contract are called, and what each asks of the version: semantic versioning, with the reason.

Breaking is a change after which something that was in order may fail: a delivery, a snapshot in force, or a claim.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from schemas.title import Title


class Bump(IntEnum):
    """Which part of a version a change raises."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Kind(StrEnum):
    """A kind of change. The names are stable: programs read them."""

    PROPERTY_ADDED = "property_added"
    REQUIRED_PROPERTY_ADDED = "required_property_added"
    PROPERTY_REMOVED = "property_removed"
    PROPERTY_RENAMED = "property_renamed"
    COLUMN_RENAMED = "column_renamed"
    FIELD_NUMBER_CHANGED = "field_number_changed"
    FIELD_NUMBER_REUSED = "field_number_reused"
    RETYPED = "retyped"
    FORMAT_CHANGED = "format_changed"
    MADE_REQUIRED = "made_required"
    MADE_OPTIONAL = "made_optional"
    SUBJECT_MADE_OPTIONAL = "subject_made_optional"
    ABSENCE_MEANS_ADDED = "absence_means_added"
    ABSENCE_MEANS_CHANGED = "absence_means_changed"
    SENSITIVITY_RAISED = "sensitivity_raised"
    SENSITIVITY_LOWERED = "sensitivity_lowered"
    VALUES_NARROWED = "values_narrowed"
    VALUES_WIDENED = "values_widened"
    READ_VALUES_WIDENED = "read_values_widened"
    PATTERN_CHANGED = "pattern_changed"
    PATTERN_REMOVED = "pattern_removed"
    RANGE_NARROWED = "range_narrowed"
    RANGE_WIDENED = "range_widened"
    PRIMARY_KEY_CHANGED = "primary_key_changed"
    SUBJECT_KEYS_CHANGED = "subject_keys_changed"
    SUBJECT_NAMES_CHANGED = "subject_names_changed"
    COMPLETE_FOR_ADDED = "complete_for_added"
    COMPLETE_FOR_CHANGED = "complete_for_changed"
    REGISTER_ADDED = "register_added"
    REGISTER_CHANGED = "register_changed"
    TOLERANCE_LOWERED = "tolerance_lowered"
    TOLERANCE_RAISED = "tolerance_raised"
    BOUND_LOWERED = "bound_lowered"
    BOUND_RAISED = "bound_raised"
    FRESHNESS_SHORTENED = "freshness_shortened"
    FRESHNESS_LENGTHENED = "freshness_lengthened"
    RETENTION_SHORTENED = "retention_shortened"
    RETENTION_LENGTHENED = "retention_lengthened"
    SCHEDULE_CHANGED = "schedule_changed"
    RULE_ADDED = "rule_added"
    RULE_REMOVED = "rule_removed"
    RULE_CHANGED = "rule_changed"
    SERVER_CHANGED = "server_changed"
    DECIDERS_CHANGED = "deciders_changed"
    DEPARTMENT_CHANGED = "department_changed"
    TITLE_CHANGED = "title_changed"
    ORDER_CHANGED = "order_changed"
    TEXT_CHANGED = "text_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `place` is the property, rule or section; `before` and `after` are what the contract says there."""

    kind: Kind
    place: str
    before: str = ""
    after: str = ""

    @property
    def bump(self) -> Bump:
        """What it asks of the version."""
        return MEANING[self.kind][0]

    @property
    def breaking(self) -> bool:
        """Whether something that was in order may fail after it."""
        return self.bump is Bump.MAJOR

    @property
    def reason(self) -> Title:
        """Why it is breaking, or is not."""
        _, zh, en = MEANING[self.kind]
        return Title(zh=zh, en=en)


_SHAPE_ZH, _SHAPE_EN = (
    "；现行快照不能再读，须重新发布",
    "; snapshots in force can no longer be read, and must be published again",
)
_HELD_ZH, _HELD_EN = "原先合格的记录会被隔离", "rows that passed may be held back"

MEANING: dict[Kind, tuple[Bump, str, str]] = {
    Kind.PROPERTY_ADDED: (
        Bump.MINOR,
        "新增可空字段：原有核验与快照照常；先由部门交付该列，再生效本合同",
        "claims and snapshots go on; the column is delivered first, since a delivery without it is refused",
    ),
    Kind.REQUIRED_PROPERTY_ADDED: (
        Bump.MAJOR,
        "新增必填字段：没有该值的记录会被隔离",
        "rows without the value are held back",
    ),
    Kind.PROPERTY_REMOVED: (
        Bump.MAJOR,
        "删除字段：读取它的核验项失效；字段编号不得再用",
        "claims that read it fail; its field number is never used again",
    ),
    Kind.PROPERTY_RENAMED: (
        Bump.MAJOR,
        f"字段改名：读取旧名的核验项失效{_SHAPE_ZH}",
        f"claims that read the old name fail{_SHAPE_EN}",
    ),
    Kind.COLUMN_RENAMED: (
        Bump.MAJOR,
        "业务系统列名变更：按旧列名交付的数据会被拒收",
        "a delivery with the old column name is refused",
    ),
    Kind.FIELD_NUMBER_CHANGED: (
        Bump.MAJOR,
        f"字段编号变更：已写入的记录会被读错{_SHAPE_ZH}",
        f"rows already written would be read wrong{_SHAPE_EN}",
    ),
    Kind.FIELD_NUMBER_REUSED: (
        Bump.MAJOR,
        f"字段编号被另一字段占用：已写入的记录会被读错{_SHAPE_ZH}",
        f"another property takes the number: rows already written would be read wrong{_SHAPE_EN}",
    ),
    Kind.RETYPED: (
        Bump.MAJOR,
        f"类型变更：按原类型书写的核验项失效{_SHAPE_ZH}",
        f"claims written for the old type fail{_SHAPE_EN}",
    ),
    Kind.FORMAT_CHANGED: (
        Bump.MAJOR,
        "日期格式变更：按原格式交付的值不能再读",
        "values delivered in the old format are no longer read",
    ),
    Kind.MADE_REQUIRED: (Bump.MAJOR, f"改为必填：{_HELD_ZH}", _HELD_EN),
    Kind.MADE_OPTIONAL: (
        Bump.MINOR,
        "改为可空：没有该值时，需要它的核验答复“无法核验”",
        "without the value, a claim that needs it answers CANNOT_VERIFY",
    ),
    Kind.SUBJECT_MADE_OPTIONAL: (
        Bump.MAJOR,
        "当事人证件号改为可空：没有证件号的记录不再计入任何人，“查无”可能有误",
        "rows without the number are found for nobody, so that answers from absence may be wrong",
    ),
    Kind.ABSENCE_MEANS_ADDED: (Bump.MINOR, "说明了空值的含义", "says what an empty value means"),
    Kind.ABSENCE_MEANS_CHANGED: (
        Bump.MAJOR,
        "空值的含义变更或取消：询问 has() 的核验项失效或含义改变",
        "claims that ask has() fail, or mean something else",
    ),
    Kind.SENSITIVITY_RAISED: (
        Bump.MAJOR,
        "敏感级别提高：原可告知的值不再告知",
        "values that could be disclosed no longer are",
    ),
    Kind.SENSITIVITY_LOWERED: (
        Bump.MINOR,
        "敏感级别降低：可告知更多，请经数据安全审核",
        "more may be disclosed: have it reviewed",
    ),
    Kind.VALUES_NARROWED: (Bump.MAJOR, f"取值减少：{_HELD_ZH}", _HELD_EN),
    Kind.VALUES_WIDENED: (Bump.MINOR, "取值增加：没有核验项读取该字段", "no claim reads the property"),
    Kind.READ_VALUES_WIDENED: (
        Bump.MAJOR,
        "取值增加，且有核验项读取该字段：新值会按旧规则判断，须逐项复核",
        "claims read the property and would judge the new values by old rules: each must be reviewed",
    ),
    Kind.PATTERN_CHANGED: (Bump.MAJOR, f"格式要求变更：{_HELD_ZH}", _HELD_EN),
    Kind.PATTERN_REMOVED: (Bump.MINOR, "取消格式要求", "every text passes now"),
    Kind.RANGE_NARROWED: (Bump.MAJOR, f"范围缩小：{_HELD_ZH}", _HELD_EN),
    Kind.RANGE_WIDENED: (Bump.MINOR, "范围放宽", "whatever passed still passes"),
    Kind.PRIMARY_KEY_CHANGED: (
        Bump.MAJOR,
        "主键变更：原先不冲突的记录可能冲突，版本间不能逐条比较",
        "rows that did not contradict each other may do so; versions can no longer be compared row by row",
    ),
    Kind.SUBJECT_KEYS_CHANGED: (Bump.MAJOR, f"当事人字段变更{_SHAPE_ZH}", f"rows name other subjects{_SHAPE_EN}"),
    Kind.SUBJECT_NAMES_CHANGED: (
        Bump.MINOR,
        "当事人姓名字段变更：只影响不合格记录的归属",
        "only whom held-back rows may be about is told in another way",
    ),
    Kind.COMPLETE_FOR_ADDED: (Bump.MINOR, "声明了完整范围", "absence of a record may be an answer now"),
    Kind.COMPLETE_FOR_CHANGED: (
        Bump.MAJOR,
        "完整范围变更或取消：“查无”的含义改变",
        "what “no record” means is another, or nothing",
    ),
    Kind.REGISTER_ADDED: (
        Bump.MINOR,
        "成为全市的号码变更或姓名登记",
        "becomes the city's register of changed numbers or names",
    ),
    Kind.REGISTER_CHANGED: (
        Bump.MAJOR,
        "号码变更或姓名登记改变：所有查询都依赖它",
        "every look-up leans on the register of changed numbers or names",
    ),
    Kind.TOLERANCE_LOWERED: (
        Bump.MAJOR,
        "容忍度降低：原可发布的交付会被暂缓",
        "deliveries that were published may be held",
    ),
    Kind.TOLERANCE_RAISED: (Bump.MINOR, "容忍度提高", "whatever was published still is"),
    Kind.BOUND_LOWERED: (
        Bump.MAJOR,
        "无法归属记录的上限降低：“查无”类核验更易答复“无法核验”",
        "answers from absence may become CANNOT_VERIFY",
    ),
    Kind.BOUND_RAISED: (
        Bump.MINOR,
        "无法归属记录的上限提高：“查无”的风险变大，请经审核",
        "more lost rows are borne by answers from absence: have it reviewed",
    ),
    Kind.FRESHNESS_SHORTENED: (Bump.MAJOR, "时效收紧：原按时的交付会算迟到", "deliveries that were in time are late"),
    Kind.FRESHNESS_LENGTHENED: (
        Bump.MINOR,
        "时效放宽：核验项仍按各自的数据时限作答",
        "claims still answer by their own limits",
    ),
    Kind.RETENTION_SHORTENED: (
        Bump.MAJOR,
        "保存期缩短：较旧的答复不能再重算，版本不能再回退",
        "older answers can no longer be recomputed, nor versions rolled back to",
    ),
    Kind.RETENTION_LENGTHENED: (Bump.MINOR, "保存期延长", "versions are kept longer"),
    Kind.SCHEDULE_CHANGED: (Bump.MINOR, "交付时间变更", "deliveries are awaited at other times"),
    Kind.RULE_ADDED: (Bump.MAJOR, f"新增质量规则：{_HELD_ZH}", _HELD_EN),
    Kind.RULE_REMOVED: (Bump.MINOR, "取消质量规则", "whatever passed still passes"),
    Kind.RULE_CHANGED: (Bump.MAJOR, f"质量规则变更：{_HELD_ZH}", _HELD_EN),
    Kind.SERVER_CHANGED: (
        Bump.MAJOR,
        "交付方式变更：按原方式交付的数据读不到或会被读错，须与部门同时切换",
        "what is delivered as before is not found or read wrong: the department changes at the same moment",
    ),
    Kind.DECIDERS_CHANGED: (Bump.MINOR, "暂缓交付的审批人变更", "others decide about held deliveries"),
    Kind.DEPARTMENT_CHANGED: (Bump.MINOR, "归口部门变更", "another department answers for it"),
    Kind.TITLE_CHANGED: (Bump.PATCH, "仅名称变更", "only what people read"),
    Kind.ORDER_CHANGED: (Bump.PATCH, "仅字段顺序变更", "columns are found by name, wherever they stand"),
    Kind.TEXT_CHANGED: (Bump.PATCH, "仅说明文字变更", "only comments and descriptions"),
}
"""What each kind asks of the version, and why, in Chinese and English."""
