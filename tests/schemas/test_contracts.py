"""The shipped contracts: what departments deliver, in the standard's own terms."""

import json
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from schemas.catalogue import ROOT, Catalogue, load_contracts
from schemas.contract import Check, Contract, ServerKind
from schemas.property import NUMBERS, PropertyType, Sensitivity

DATASETS = (
    "population",
    "person_aliases",
    "marriages",
    "dwellings",
    "social_insurance",
    "medical_insurance",
    "fund_accounts",
)


@pytest.fixture(params=DATASETS)
def contract(catalogue: Catalogue, request: pytest.FixtureRequest) -> Contract:
    return catalogue.contracts[request.param]


def test_there_is_one_contract_a_dataset(catalogue: Catalogue) -> None:
    assert sorted(catalogue.contracts) == sorted(DATASETS)


def test_a_contract_is_valid_by_the_standard(contract: Contract) -> None:
    text = contract.raw_path.read_text("utf-8")
    source = files("open_data_contract_standard") / "schema.json"
    validator = Draft201909Validator(json.loads(source.read_text("utf-8")))
    assert list(validator.iter_errors(yaml.safe_load(text))) == []
    other = OpenDataContractStandard.from_string(text)
    assert other.apiVersion == "v3.1.0"
    assert [each.name for each in (other.schema_ or [])[0].properties or []] == [p.name for p in contract.properties]


def test_a_contract_says_what_the_hub_needs(contract: Contract) -> None:
    assert contract.freshness >= timedelta(hours=1)
    assert contract.retention_days >= 365
    assert contract.schedule
    assert 0 < contract.unattributable_bound < contract.tolerance < 0.2
    assert contract.title.zh
    assert contract.department_title.en
    assert contract.raw_path.parent.name == contract.department


def test_every_key_names_a_subject(contract: Contract) -> None:
    for key in contract.subject_keys:
        assert contract.by_name[key.property].type in NUMBERS
        assert contract.by_name[key.property].required
        assert key.name_property is None or contract.by_name[key.name_property].type is PropertyType.STRING


def test_numbers_of_people_and_addresses_never_leave_the_hub(contract: Contract) -> None:
    for each in contract.properties:
        if each.type is PropertyType.IDENTITY or each.name in {"address", "location", "balance_fen"}:
            assert each.sensitivity is Sensitivity.RESTRICTED


def test_every_value_is_checked(contract: Contract) -> None:
    checks = {(rule.check, rule.properties) for rule in contract.rules}
    assert (Check.UNIQUE, contract.primary_key) in checks
    assert (Check.ROW_COUNT, ()) in checks
    for each in contract.properties:
        assert ((Check.PRESENT, (each.name,)) in checks) == each.required
        assert ((Check.TYPED, (each.name,)) in checks) == (each.type is not PropertyType.STRING)
        if each.type is PropertyType.DATE:
            assert each.maximum == "today"
    for rule in contract.rules:
        if rule.check is not Check.ROW_COUNT:
            assert rule.allowed.counts(100)[1] in range(int(100 * contract.tolerance) + 1)


def test_rules_have_names_of_their_own(contract: Contract) -> None:
    names = [rule.id for rule in contract.rules]
    assert len(names) == len(set(names))


def test_what_the_contracts_say_to_adapters_and_the_exchange(catalogue: Catalogue) -> None:
    population, marriages, dwellings = (catalogue.contracts[name] for name in ("population", "marriages", "dwellings"))
    assert (population.server.kind, population.server.encoding) == (ServerKind.CSV, "GB18030")
    assert population.by_name["birth_date"].strptime == "%Y%m%d"
    assert population.by_name["sex"].valid_values == ("男", "女")
    assert population.by_name["household_no"].absence_means == "居住人口不立户"
    assert marriages.server.url == "sqlite:///{root}/civil_affairs/registry.sqlite"
    assert (marriages.server.table, marriages.server.as_of) == ("婚姻登记", "updated_at")
    assert [key.property for key in marriages.subject_keys] == ["husband_id", "wife_id"]
    assert marriages.by_name["registered_on"].strptime == "%Y-%m-%d"
    assert (dwellings.server.sheet, dwellings.server.header_row, dwellings.server.fill_merged) == (1, 2, True)
    assert dwellings.primary_key == ("certificate_no", "owner_id")
    assert catalogue.aliases is catalogue.contracts["person_aliases"]
    assert catalogue.name_register is population
    assert not catalogue.contracts["person_aliases"].complete_for


def test_a_predicate_knows_its_properties(catalogue: Catalogue) -> None:
    (rule,) = (each for each in catalogue.contracts["population"].rules if each.id == "father_named")
    assert rule.check is Check.HOLDS
    assert rule.properties == ("father_status", "father_id")


def test_contracts_live_in_their_departments_folder() -> None:
    assert len(list((ROOT / "datasets").glob("*/*.odcs.yaml"))) == len(DATASETS)


def test_a_rule_on_the_form_of_values_says_so_in_both_languages(agreements: Any) -> None:
    file = "datasets/public_security/population.odcs.yaml"
    text = (agreements.root / file).read_text("utf-8")
    at = text.index("          - id: town_code_pattern\n")
    agreements.change(file, text[at : text.index("        customProperties:\n", at)], "          []\n")
    rules = load_contracts(agreements.root)["population"].rules
    (rule,) = (each for each in rules if each.check is Check.PATTERN)
    assert rule.description == "区划代码须符合约定的格式。 Code of the town or street has the agreed form."
