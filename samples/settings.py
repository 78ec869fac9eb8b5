"""The sample city's settings: its size, and how dirty its deliveries are."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """What may be set about a sample city. Equal settings, seed and day give equal deliveries."""

    residents: int = setting(20_000, "people who live in the city, registered or resident")
    residents_min: int = setting(300, "a smaller city has not everybody whom the demo needs")
    residents_max: int = setting(1_200_000, "a larger city does not fit one worksheet of the property registry")
    block_residents: int = setting(10_000, "people made at a time; a family never spans two blocks")
    dirty_share: float = setting(0.006, "share of records in each delivery that are made dirty")
    unattributable_share: float = setting(0.0001, "share of extra records that name nobody")
    foldable_share: float = setting(0.01, "share of identity numbers written oddly, but readably")


DEFAULTS = SampleSettings()
