"""Whatever is wrong in an agreement is reported with its file, its line, and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from kernel.errors import Fault, Faulty
from schemas.catalogue import load_catalogue, load_contracts
from schemas.settings import SchemaSettings

MARRIAGES = "datasets/civil_affairs/marriages.odcs.yaml"
POPULATION = "datasets/public_security/population.odcs.yaml"
MARRIED_TO = "claims/marriage.married_to.yaml"
UNMARRIED = "claims/marriage.unmarried.yaml"
MARRIAGE = "items/marriage_registration.yaml"
ALLOWANCE = "items/senior_allowance.yaml"
HOME = "items/property_registration.yaml"
MORTGAGE = "items/property_mortgage.yaml"
GRANTS = "grants/bank.yaml"
CLIENTS = "clients/bank.yaml"
ICBC = "  - id: spiffe://wenling.mianzheng.example/bank/bank-icbc-01"
AS_OF = "{property: asOf, value: updated_at}"
CURSOR = "{property: cursor, value: updated_at}\n      - "
FATHER = "description: Father's identity number\n"
TO = "        relationships: [{{to: {}}}]\n"
AGAIN = f"{ICBC} # first\n    title: {{zh: 甲, en: A}}\n"


class Agreements(Protocol):
    """The agreements that a fixture lays out."""

    root: Path

    def change(self, file: str, old: str, new: str) -> None: ...
    def line(self, file: str, text: str) -> int: ...
    def faults(self) -> list[Fault]: ...


PACKED = "\n    customProperties: [{property: compression, value: gzip}]"


def file_property(said: str) -> str:
    """A custom property of the server, before its encoding."""
    return f"    customProperties: [{{property: {said}}}]\n    encoding"


Alone = Callable[[str], Agreements]
Broken = tuple[str, str, str, str, str]

# Each: file, what it says, what it says when broken, what stands on the line that must be named, what is said of it.
CONTRACT_FAULTS: list[Broken] = [
    (MARRIAGES, "kind: DataContract", "kind: Data", "kind: Data", "breaks the standard"),
    (MARRIAGES, "apiVersion: v3.1.0", "apiVersion: v3.0.0", "v3.0.0", "another version"),
    (MARRIAGES, "location: ", "locatoin: ", "- server:", "breaks the standard"),
    (MARRIAGES, "logicalType: string", "logicalType: time", "logicalType: time", "logicalType"),
    (MARRIAGES, "id: marriages", "id: marriage", "id: marriage", "not the file's name"),
    (MARRIAGES, "domain: civil_affairs", "domain: civil", "domain: civil", "not the folder's name"),
    (MARRIAGES, "  - name: marriages", "  - name: weddings", "weddings", "not named like the dataset"),
    (MARRIAGES, "name: wife_name", "name: package", "name: package", "means something else"),
    (MARRIAGES, "Number, value: 3", "Number, value: 2", "name: husband_name", "stands for two properties"),
    (MARRIAGES, "physicalName: 女方姓名", "physicalName: 男方姓名", "name: wife_name", "stands for two"),
    (MARRIAGES, "Number, value: 3", "Number, value: x", "Number, value: x", "valid integer"),
    (MARRIAGES, "Number, value: 3", "Number, value: 19000", "value: 19000", "less than or equal"),
    (MARRIAGES, "property: identityType", "property: identityTyp", "identityTyp,", "no known key"),
    (MARRIAGES, "property: subjectKeys", "property: subjectKey", "=customProperties:", "subjectKeys is missing"),
    (MARRIAGES, "property: husband_id, name", "property: husband, name", "property: subjectKeys", "no property"),
    (MARRIAGES, "name: husband_name}", "name: wife_id}", "property: subjectKeys", "no string"),
    (MARRIAGES, "value: updated_at", "value: update_at", "property: asOf", "no property"),
    (MARRIAGES, AS_OF, "{property: cursor, value: updated}", "property: cursor", "no property"),
    (MARRIAGES, AS_OF, "{property: cursor, value: status}", "property: cursor", "no date or integer or timestamp"),
    (MARRIAGES, AS_OF, "{property: cursor, value: updated_at}", "property: cursor", "no fullEvery"),
    (MARRIAGES, AS_OF, "{property: fullEvery, value: 7d}", "property: fullEvery", "but has no cursor"),
    (MARRIAGES, AS_OF, "{property: fullEvery, value: weekly}", "property: fullEvery", "match pattern"),
    (MARRIAGES, AS_OF, CURSOR + "{property: overlap, value: 5}", "property: overlap", "not of the cursor's kind"),
    (MARRIAGES, AS_OF, "{property: tombstone, value: {property: state, values: [x]}}", "tombstone", "no property"),
    (
        POPULATION,
        "    encoding",
        "    customProperties: [{property: cursor, value: status}]\n    encoding",
        "cursor",
        "whole",
    ),
    (MARRIAGES, "value: 0.05", "value: 5", "=    value: 5", "less than or equal to 1"),
    (MARRIAGES, "property: tolerance", "property: unattributableBound # again", "# again", "twice"),
    (MARRIAGES, "primaryKeyPosition: 1", "primaryKeyPosition: 2", "properties:", "does not count from 1"),
    (MARRIAGES, "primaryKey: true", "primaryKey: false", "properties:", "no primary key"),
    (MARRIAGES, "        required: true\n", "", "name: registration_no", "key but not required"),
    (MARRIAGES, "classification: restricted", "classification: internal # open", "# open", "not restricted"),
    (MARRIAGES, "{format: yyyy-MM-dd}", "{format: yyyy-mmm-qq}", "yyyy-mmm-qq", "unknown letters"),
    (MARRIAGES, "'30 1 * * *'", "'30 25 * * *'", "30 25", "no cron line"),
    (MARRIAGES, "value: 36, unit: h", "value: 36, unit: m", "unit: m", "no whole number"),
    (MARRIAGES, "property: retention", "property: retentoin", "slaProperties", "does not say retention"),
    (MARRIAGES, "maximum: today", "maximum: tomorrow", "maximum: tomorrow", "no day"),
    (MARRIAGES, "metric: duplicateValues", "metric: nullValues", "id: primary_key", "none that the hub runs"),
    (MARRIAGES, "[registration_no]", "[registration]", "[registration]", "no property"),
    (MARRIAGES, "unit: percent", "unit: persons", "unit: persons", "no unit"),
    (MARRIAGES, "mustBeLessOrEqualTo: 5", "mustNotBe: 5", "mustNotBe: 5", "two ranges"),
    (MARRIAGES, "mustBeLessOrEqualTo: 5", "mustBeLessThan: 0", "mustBeLessThan: 0", "no count can be so"),
    (MARRIAGES, "mustBeLessOrEqualTo: 5", "mustBeBetween: [5, 1]", "mustBeBetween: [5", "smaller number"),
    (MARRIAGES, "mustBeLessOrEqualTo: 5", "mustBe: few", "mustBe: few", "no number"),
    (MARRIAGES, "mustBeLessOrEqualTo: 5", "mustBeLessOrEqualTo: .nan", ": .nan", "no number"),
    (MARRIAGES, "metric: invalidValues", "metric: rowCount", "id: registered_on_range", "none that the hub runs"),
    (MARRIAGES, "engine: mianzheng", "engine: soda", "id: spouses_differ", "none that the hub runs"),
    (MARRIAGES, "id: divorced_on_range", "id: status_values # again", "# again", "two rules"),
    (MARRIAGES, "husband_id <> wife_id", "husband <> wife_id", "rowHolds: husband <>", "no property"),
    (MARRIAGES, "husband_id <> wife_id", "wife_id; drop", "rowHolds: wife_id;", "no plain SQL"),
    (MARRIAGES, "husband_id <> wife_id", "true -- wife_id", "rowHolds: true --", "no plain SQL"),
    (MARRIAGES, "husband_id <> wife_id", "length(status) <> status", "rowHolds: length", "a text beside a number"),
    (MARRIAGES, "husband_id <> wife_id", "husband_id", "=          rowHolds: husband_id", "no plain SQL"),
    (MARRIAGES, "husband_id <> wife_id", "status in (wife_id)", "rowHolds: status in", "no constant"),
    (MARRIAGES, "husband_id <> wife_id", "divorced_on > date 'soon'", "rowHolds: divorced_on > date", "no day"),
    (MARRIAGES, "logicalType: timestamp", "logicalType: timestamp\n        enum: [{value: x}]", "enum:", "one of some"),
    (
        POPULATION,
        "{pattern: '331081[0-9]{3}'}\n        req",
        "{pattern: '(?=3)3.*'}\n        req",
        "(?=3)",
        "looks around",
    ),
    (POPULATION, "{pattern: '331081[0-9]{3}'}\n        req", "{format: ipv6}\n        req", "ipv6", "no format"),
    (POPULATION, "name: birth_date\n", "name: raw_birth_date\n", "raw_birth_date", "keeps for delivered text"),
    (POPULATION, FATHER, FATHER + TO.format("nobody"), "relationships", "names no property of a dataset"),
    (POPULATION, FATHER, FATHER + TO.format("nowhere.person_id"), "relationships", "no dataset"),
    (POPULATION, FATHER, FATHER + TO.format("population.nobody"), "relationships", "no property nobody"),
    (POPULATION, FATHER, FATHER + TO.format("population.name"), "relationships", "population.name is none"),
    (POPULATION, "path: public_security", "path: ../public_security", "path: ..", "not inside"),
    (POPULATION, "path: public_security", "path: /public_security", "path: /", "not inside"),
    (POPULATION, "path: public_security/", "path: public_security\\\\", "path: ", "not inside"),
    (POPULATION, "path: public_security/", "path: p*/", "path: p*", "nothing says which file is whole"),
    (
        POPULATION,
        "population.csv",
        "population.csv\n    customProperties: [{property: completionMarker, value: a/b}]",
        "a/b",
        "no marker",
    ),
    (POPULATION, "    encoding", file_property("delimiter, value: xx"), "xx", "no line can be parted"),
    (POPULATION, "    encoding", file_property("delimiter, value: a"), "value: a}", "no line can be parted"),
    (POPULATION, "    encoding", file_property("compression, value: rar"), "rar", "'none', 'gzip' or 'zip'"),
    (POPULATION, "    encoding", file_property("records, value: data"), "records", "what has none"),
    (POPULATION, "format: csv", "format: parquet # now" + PACKED, "compression", "compressed inside"),
    (POPULATION, "format: csv", "format: xlsx # now" + PACKED, "compression", "a workbook is compressed inside"),
    (MARRIAGES, AS_OF, "{property: completionMarker, value: .done}", "completionMarker", "what has none"),
    (POPULATION, "encoding: GB18030", "encoding: GB18O30", "GB18O30", "no encoding"),
    (POPULATION, "arguments: {pattern: '331081[0-9]{3}'}", "arguments: {pattern: '['}", "'['", "no regular expression"),
    (POPULATION, "arguments: {pattern: '331081[0-9]{3}'}", "arguments: {minimum: 1}", "id: town_code_pattern", "fit"),
    (POPULATION, "value: 居住人口不立户", "value: ''", "value: ''", "at least 1 character"),
    (POPULATION, "household_no\n", "household_no\n        required: true\n", "name: household_no", "absence means"),
    ("datasets/housing_fund/fund_accounts.odcs.yaml", "minimum: 0", "minimum: none", "minimum: none", "no number"),
]
CLAIM_FAULTS: list[Broken] = [
    (MARRIED_TO, "id: marriage.married_to", "id: marriage.married", "id:", "not the file's name"),
    (MARRIED_TO, "version: 1", "version: one", "version:", "valid integer"),
    (MARRIED_TO, "version: 1", "version: 1\nversion: 2", "version: 2", "twice"),
    (MARRIED_TO, "noRow: NO_RECORD", "norow: NO_RECORD", "norow", "no known key"),
    (MARRIED_TO, "noRow: NO_RECORD", "noRow: NONE", "noRow", "input should be"),
    (MARRIED_TO, "maxAge: 48h", "maxAge: two days", "maxAge", "match pattern"),
    (MARRIED_TO, "datasets: [marriages]", "datasets: [marriage]", "datasets", "no contract"),
    (MARRIED_TO, "datasets: [marriages]", "datasets: [marriages, marriages]", "datasets", "twice"),
    (MARRIED_TO, "m.status", "m.statsu", "m.statsu", "undefined field 'statsu'"),
    (MARRIED_TO, "m.status ==", "1 ==", "1 ==", "no matching overload"),
    (MARRIED_TO, "m.wife_id in ask", "m.wife_id == ask", "m.wife_id == ask", "no matching overload"),
    (MARRIED_TO, "m.wife_id in ask.spouse", "m.wife_id in ask.spuose", "spuose", "undefined field 'spuose'"),
    (MARRIED_TO, "marriages.exists", "dwellings.exists", "dwellings.exists", "undeclared reference"),
    (MARRIED_TO, "m.wife_id in", "m.wife_id in in", "in in", "Syntax error"),
    (MARRIED_TO, "m.wife_id in", "has(m.divorced_on) || m.wife_id in", "divorced_on", "absence means"),
    (MARRIED_TO, "m.wife_id in", "dyn(m).wife_id in", "dyn(m)", "hides"),
    (MARRIED_TO, "m.wife_id in", "[m, 1][0].wife_id in", "[m, 1]", "nobody knows"),
    (MARRIED_TO, "m.wife_id in ask.spouse", "marriages.exists(n, n == m)", "n == m", "whole rows"),
    (MARRIED_TO, "  spouse: {", "  today: {type: string, title: {zh: 甲, en: A}}\n  spouse: {", "today:", "else"),
    (MARRIED_TO, "  spouse: {", "  extra: {type: string, title: {zh: 甲, en: A}}\n  spouse: {", "extra:", "not used"),
    (MARRIED_TO, "marriages.registration_no", "marriages.wife_id", "disclose", "restricted"),
    (MARRIED_TO, "marriages.registration_no", "registration_no", "disclose", "no property"),
    (MARRIED_TO, "rows: any", "rows: [any", "maxAge", "no YAML"),
    (MARRIED_TO, "rows: any", "rows: &a any\nextra: *a", "extra", "alias"),
    (UNMARRIED, "fromAbsence: true\n", "", "expression", "may be confirmed by a missing row"),
    (MARRIED_TO, "rows: any", "rows: any\nfromAbsence: true", "fromAbsence", "no missing row could confirm it"),
    ("claims/person.alive.yaml", "population.all(p, p.status", "population.all(p, p.state", "p.state", "undefined"),
]
ITEM_FAULTS: list[Broken] = [
    (MARRIAGE, "id: marriage_registration", "id: marriage", "id: marriage", "not the file's name"),
    (MARRIAGE, "role: partner", "role: partnr", "partnr", "no role"),
    (MARRIAGE, "claim: person.marriage_age", "claim: person.age", "claim: person.age", "no claim"),
    (MARRIAGE, "coveredBy: paper", "coveredBy: magic", "coveredBy", "input should be"),
    (MARRIAGE, "    coveredBy: paper\n", "", "id: photograph", "either a claim or coveredBy"),
    (MARRIAGE, "id: partner_age", "id: applicant_age # again", "# again", "two materials"),
    (MARRIAGE, "role: partner\n    claim: person", "role: applicant\n    claim: person", "partner_age", "twice"),
    (MARRIAGE, "coveredBy: paper", "coveredBy: paper\n    with: {years: 1}", "with:", "no claim"),
    (
        MARRIAGE,
        "materials:",
        "inputs:\n  a: {title: {zh: 甲, en: A}, required: true, pattern: '[', lengthMax: 9}\nmaterials:",
        "pattern",
        "no regular expression",
    ),
    (ALLOWANCE, "legalBasis", "legalBase", "legalBase", "no known key"),
    (ALLOWANCE, "required: true", "required: false", "roles", "no role is required"),
    (ALLOWANCE, "with: {years: 80}", "with: {years: '80'}", "with:", "no whole number"),
    (ALLOWANCE, "with: {years: 80}", "with: {years: 80, months: 1}", "with:", "no parameter"),
    (ALLOWANCE, "    with: {years: 80}\n", "", "claim: person.age_at_least", "does not say what years is"),
    (HOME, "with: {spouse: spouse}", "with: {spouse: applicant}", "with: {spouse", "no other party"),
    (HOME, "with: {spouse: spouse}", "with: {spouse: 1}", "with: {spouse", "no other party"),
    (HOME, "without: [spouse]", "without: [applicant]", "without: [applicant]", "no optional role"),
    (
        HOME,
        "  child: {",
        "  aunt: {title: {zh: 姨, en: Aunt}, required: false}\n  child: {",
        "aunt",
        "nothing is asked",
    ),
    (MORTGAGE, "input.certificate_no", "input.certificate", "input.certificate}", "no input"),
    (MORTGAGE, "{certificate_no: input.certificate_no}", "{certificate_no: 7}", "no: 7", "no text"),
    (
        MORTGAGE,
        "inputs:",
        "inputs:\n  a: {title: {zh: 甲, en: A}, required: true, pattern: x, lengthMax: 9}",
        "  a:",
        "needs",
    ),
]
ACCESS_FAULTS: list[Broken] = [
    (GRANTS, "- dwelling.sole_owner", "- dwelling.sole_ower", "sole_ower", "does not need"),
    (GRANTS, "- dwelling.sole_owner", "- dwelling.owns_this", "owns_this", "granted twice"),
    (GRANTS, "item: fund_loan", "item: fund_lone", "fund_lone", "no item"),
    (GRANTS, "values: true", "values: perhaps", "values: perhaps", "valid boolean"),
    (GRANTS, "group: bank", "group: banks", "group", "not the file's name"),
    (GRANTS, "id: bank.fund_loan", "id: bank.property_mortgage # again", "# again", "is a grant in grants/bank"),
    (GRANTS, "places: ['331081']", "places: ['33108']", "['33108']", "no administrative division"),
    (GRANTS, "places: ['331081']", "places: []", "places: []", "at least 1"),
    (GRANTS, "places: ['331081']", "channels: [counter]", "channels:", "no channel of bank"),
    (GRANTS, "places: ['331081']", "channels: [bank, bank]", "channels:", "twice"),
    (GRANTS, "places: ['331081']", "hours: [mon-fri 8:30-17:00]", "hours:", "write <day>"),
    (GRANTS, "places: ['331081']", "hours: [mon-fri 17:00-08:30]", "hours:", "a night as two"),
    (GRANTS, "places: ['331081']", "hours: [sat-mon 08:00-09:00]", "hours:", "write two lines"),
    (GRANTS, "places: ['331081']", "hours: [mon 08:00-24:01]", "hours:", "00:00 to 24:00"),
    (GRANTS, "places: ['331081']", "presence: face", "presence: face", "input should be"),
    (GRANTS, "places: ['331081']", "legalBasis: ''", "legalBasis", "at least 1 character"),
    (GRANTS, "places: ['331081']", "place: '331081'", "    place:", "no known key"),
    (CLIENTS, "place: '331081001'", "place: 泽国", "place:", "no administrative division"),
    (CLIENTS, "channel: bank", "channel: bank\nchannels: [bank]", "channel:", "either channel or"),
    (CLIENTS, "channel: bank", "channels: [bank, bank]", "channels:", "twice"),
    (CLIENTS, "perMinute: 6000", "perMinute: 0", "perMinute", "greater than or equal to 1"),
    (CLIENTS, "perMinute: 6000", "perHour: 6000", "perHour", "no known key"),
    (CLIENTS, "  client: {", "  kiosk: {", "  kiosk:", "no known key"),
    (CLIENTS, "  - fund_loan", "  - fund_lone", "fund_lone", "no item"),
    (CLIENTS, "  - fund_loan", "  - fund_loan\n  - birth_registration", "birth_registration", "holds no grant"),
    (CLIENTS, "  - fund_loan\n", "", "items", "may not handle"),
    (CLIENTS, "spiffe://", "https://", "https://", "no SPIFFE id"),
    (CLIENTS, "channel: bank", "channel: kiosk", "spiffe", "of the group's channel"),
    (CLIENTS, "clients:\n", "clients:\n" + AGAIN, "=" + ICBC, "client twice"),
    (CLIENTS, "group: bank", "group: banks", "group", "not the file's name"),
]


@pytest.mark.parametrize(("file", "old", "new", "at", "what"), CONTRACT_FAULTS)
def test_a_fault_of_a_contract_is_reported_where_it_stands(
    contract: Alone, file: str, old: str, new: str, at: str, what: str
) -> None:
    alone = contract(file)
    alone.change(file, old, new)
    with pytest.raises(Faulty) as caught:
        load_contracts(alone.root)
    line = alone.line(file, at)
    found = caught.value.faults
    assert any(f.path == file and f.line == line and what in f.what and f.remedy for f in found), found


@pytest.mark.parametrize(("file", "old", "new", "at", "what"), CLAIM_FAULTS + ITEM_FAULTS + ACCESS_FAULTS)
def test_a_fault_is_reported_where_it_stands(
    agreements: Agreements, file: str, old: str, new: str, at: str, what: str
) -> None:
    agreements.change(file, old, new)
    line = agreements.line(file, at)
    found = agreements.faults()
    assert any(f.path == file and f.line == line and what in f.what and f.remedy for f in found), found


def test_an_item_is_granted_whole_or_not_at_all_on_each_channel(agreements: Agreements) -> None:
    agreements.change(CLIENTS, "channel: bank", "channels: [bank, app]")
    assert agreements.faults() == []
    agreements.change(GRANTS, "    values: false", "    channels: [bank]\n    values: false")
    assert agreements.faults() == []
    agreements.change(GRANTS, "      - fund.account_active\n", "")
    more = "  - {id: bank.more, item: fund_loan, claims: [fund.account_active], values: false}"
    agreements.change(GRANTS, "grants:\n", f"grants:\n{more}\n")
    (fault,) = agreements.faults()
    assert (fault.path, fault.line) == (CLIENTS, agreements.line(CLIENTS, "  - fund_loan"))
    assert "on the channel app" in fault.what


def test_sound_agreements_have_no_fault(agreements: Agreements) -> None:
    assert agreements.faults() == []


def test_every_fault_in_every_file_is_reported_at_once(agreements: Agreements) -> None:
    changes = [CONTRACT_FAULTS[0], CONTRACT_FAULTS[-1], CLAIM_FAULTS[-1], ITEM_FAULTS[1], ACCESS_FAULTS[-3]]
    for file, old, new, *_ in changes:
        agreements.change(file, old, new)
    found = agreements.faults()
    for file, _, _, at, what in changes:
        assert any(f.path == file and f.line == agreements.line(file, at) and what in f.what for f in found), what


def test_every_fault_of_one_file_is_reported_at_once(agreements: Agreements) -> None:
    agreements.change(MARRIED_TO, "m.status", "m.statsu")
    agreements.change(MARRIED_TO, "m.wife_id", "m.wife")
    agreements.change(MARRIED_TO, "maxAge: 48h", "maxAge: soon")
    agreements.change(MARRIED_TO, "noRow: NO_RECORD", "noRow: NO_RECORD\nbogus: 1")
    lines = {fault.line for fault in agreements.faults()}
    assert lines == {agreements.line(MARRIED_TO, text) for text in ("statsu", "m.wife ", "soon", "bogus")}


def test_a_faulty_contract_is_not_blamed_on_the_claims_that_use_it(agreements: Agreements) -> None:
    agreements.change(MARRIAGES, "kind: DataContract", "kind: Data")
    assert {fault.path for fault in agreements.faults()} == {MARRIAGES}


def test_a_faulty_claim_is_not_blamed_on_the_items_that_need_it(agreements: Agreements) -> None:
    agreements.change(MARRIED_TO, "m.status", "m.statsu")
    assert {fault.path for fault in agreements.faults()} == {MARRIED_TO}


def test_two_datasets_cannot_both_be_the_register_of_names(agreements: Agreements) -> None:
    file = "datasets/housing_fund/fund_accounts.odcs.yaml"
    agreements.change(
        file, "  - property: tolerance", "  - {property: nameRegister, value: name}\n  - property: tolerance"
    )
    assert any("nameRegister, as" in fault.what for fault in agreements.faults())


def test_a_claim_over_an_incomplete_registry_may_not_say_no_record(agreements: Agreements) -> None:
    agreements.change(MARRIAGES, "  - property: completeFor\n    value: 全国婚姻登记（民政部汇总）\n", "")
    found = [fault for fault in agreements.faults() if "no completeFor" in fault.what]
    assert {fault.path for fault in found} == {
        f"claims/marriage.{n}.yaml" for n in ("married_to", "unmarried", "never_married")
    }
    assert all(fault.line == agreements.line(fault.path, "noRow") for fault in found)


def test_another_tools_custom_property_is_left_alone(agreements: Agreements) -> None:
    agreements.change(
        MARRIAGES, "  - property: tolerance", "  - {property: x, value: 1, vendor: soda}\n  - property: tolerance"
    )
    assert agreements.faults() == []


def test_a_file_that_nobody_reads_is_a_fault(agreements: Agreements) -> None:
    (agreements.root / "claims" / "person.alive.yml").write_text("id: person.alive", "utf-8")
    (fault,) = agreements.faults()
    assert fault.path == "claims/person.alive.yml"


def test_more_files_than_the_bound_are_a_fault(agreements: Agreements) -> None:
    with pytest.raises(Faulty) as caught:
        load_catalogue(agreements.root, SchemaSettings(files_max=5))
    assert any(fault.path == "claims" and "more than 5 files" in fault.what for fault in caught.value.faults)


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Faulty) as caught:
        load_catalogue(tmp_path)
    assert {fault.path for fault in caught.value.faults} == {"datasets", "claims", "items", "clients", "grants"}


def test_contracts_can_be_loaded_alone(agreements: Agreements) -> None:
    agreements.change(MARRIED_TO, "m.status", "m.statsu")
    assert len(load_contracts(agreements.root)) == 7
    agreements.change(MARRIAGES, "kind: DataContract", "kind: Data")
    with pytest.raises(Faulty):
        load_contracts(agreements.root)


def test_the_digest_of_the_agreements_follows_every_file(agreements: Agreements) -> None:
    before = load_catalogue(agreements.root).digest
    agreements.change(GRANTS, "values: true", "values: false")
    assert load_catalogue(agreements.root).digest != before
