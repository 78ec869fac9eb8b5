"""The seven deliveries as departments lay them out: where, in which form, under which headers."""

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How a department hands its registry over."""

    GB18030_CSV = "gb18030-csv"
    SQLITE = "sqlite"
    WORKBOOK = "workbook"
    JSON_LINES = "json-lines"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One delivery. `columns` maps names to headers, in order.

    `subjects` are the columns with the numbers and the name columns beside them (empty: none); `key` is the primary
    key; `dates`, `required` and `codes` are where dirt of those sorts can be planted (codes: two values to choose
    from); `title` and `merged` matter to a workbook: its first row, and the columns that co-owners share.
    """

    dataset: str
    path: str
    form: Form
    columns: dict[str, str]
    key: tuple[str, ...]
    subjects: tuple[tuple[str, str], ...]
    dates: tuple[str, ...]
    required: tuple[str, ...]
    codes: dict[str, tuple[str, str]]
    integers: tuple[str, ...] = ()
    title: str = ""
    merged: tuple[str, ...] = ()
    sql_table: str = ""


POPULATION = Table(
    dataset="population",
    path="public_security/population.csv",
    form=Form.GB18030_CSV,
    columns={
        "person_id": "证件号码",
        "name": "姓名",
        "sex": "性别",
        "ethnicity": "民族",
        "birth_date": "出生日期",
        "household_no": "户号",
        "relation_to_head": "与户主关系",
        "town_code": "区划代码",
        "address": "地址",
        "registered_since": "登记日期",
        "status": "人员状态",
        "father_status": "父亲信息",
        "father_id": "父亲证件号码",
        "mother_status": "母亲信息",
        "mother_id": "母亲证件号码",
    },
    key=("person_id",),
    subjects=(("person_id", "name"),),
    dates=("birth_date", "registered_since"),
    required=("birth_date", "status", "registered_since", "sex"),
    codes={"status": ("户籍", "迁出"), "father_status": ("未登记", "已登记")},
)
PERSON_ALIASES = Table(
    dataset="person_aliases",
    path="public_security/person_aliases.csv",
    form=Form.GB18030_CSV,
    columns={
        "change_no": "变更编号",
        "former_id": "原证件号码",
        "current_id": "现证件号码",
        "changed_on": "变更日期",
    },
    key=("change_no",),
    subjects=(("former_id", ""), ("current_id", "")),
    dates=("changed_on",),
    required=("changed_on",),
    codes={},
)
MARRIAGES = Table(
    dataset="marriages",
    path="civil_affairs/registry.sqlite",
    form=Form.SQLITE,
    sql_table="婚姻登记",
    columns={
        "registration_no": "登记证号",
        "husband_id": "男方证件号",
        "husband_name": "男方姓名",
        "wife_id": "女方证件号",
        "wife_name": "女方姓名",
        "registered_on": "登记日期",
        "status": "状态",
        "divorced_on": "离婚日期",
        "updated_at": "更新时间",
    },
    key=("registration_no",),
    subjects=(("husband_id", "husband_name"), ("wife_id", "wife_name")),
    dates=("registered_on",),
    required=("registered_on", "status"),
    codes={"status": ("已婚", "丧偶")},
)
DWELLINGS = Table(
    dataset="dwellings",
    path="natural_resources/dwellings.xlsx",
    form=Form.WORKBOOK,
    title="温岭市不动产登记簿（权利人明细）",
    merged=("certificate_no", "unit_no", "location", "use", "area"),
    columns={
        "certificate_no": "不动产权证号",
        "unit_no": "不动产单元号",
        "location": "坐落",
        "use": "用途",
        "area": "建筑面积",
        "owner_name": "权利人",
        "owner_id": "证件号码",
        "sharing": "共有情况",
        "registered_on": "登记日期",
        "status": "权属状态",
        "mortgage_status": "抵押状态",
    },
    key=("certificate_no", "owner_id"),
    subjects=(("owner_id", "owner_name"),),
    dates=("registered_on",),
    required=("sharing", "registered_on", "status", "mortgage_status"),
    codes={"status": ("现势", "历史"), "mortgage_status": ("未抵押", "已抵押")},
)
SOCIAL_INSURANCE = Table(
    dataset="social_insurance",
    path="human_resources/social_insurance.jsonl",
    form=Form.JSON_LINES,
    columns={
        "record_no": "记录编号",
        "person_id": "证件号码",
        "name": "姓名",
        "scheme": "险种",
        "status": "参保状态",
        "months_paid": "累计缴费月数",
        "employer_code": "单位信用代码",
        "last_paid_month": "最近缴费月",
    },
    key=("record_no",),
    subjects=(("person_id", "name"),),
    dates=("last_paid_month",),
    required=("scheme", "status", "months_paid", "last_paid_month"),
    codes={"status": ("正常", "终止")},
    integers=("months_paid",),
)
MEDICAL_INSURANCE = Table(
    dataset="medical_insurance",
    path="medical_insurance/medical_insurance.jsonl",
    form=Form.JSON_LINES,
    columns={
        "record_no": "参保编号",
        "person_id": "证件号码",
        "name": "姓名",
        "scheme": "险种",
        "status": "状态",
        "insured_from": "参保日期",
    },
    key=("record_no",),
    subjects=(("person_id", "name"),),
    dates=("insured_from",),
    required=("scheme", "status", "insured_from"),
    codes={"status": ("正常", "终止")},
)
FUND_ACCOUNTS = Table(
    dataset="fund_accounts",
    path="housing_fund/accounts.parquet",
    form=Form.PARQUET,
    columns={
        "account_no": "账号",
        "person_id": "证件号码",
        "name": "姓名",
        "status": "账户状态",
        "balance_fen": "余额分",
        "monthly_fen": "月缴存分",
        "opened_on": "开户日期",
        "last_paid_month": "最近缴存月",
    },
    key=("account_no",),
    subjects=(("person_id", "name"),),
    dates=("opened_on",),
    required=("status", "balance_fen", "monthly_fen", "opened_on"),
    codes={"status": ("正常", "封存")},
    integers=("balance_fen", "monthly_fen"),
)
TABLES = (POPULATION, PERSON_ALIASES, MARRIAGES, DWELLINGS, SOCIAL_INSURANCE, MEDICAL_INSURANCE, FUND_ACCOUNTS)
