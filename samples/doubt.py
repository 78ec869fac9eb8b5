"""Which answers dirt leaves in doubt: about everything else, the hub owes the truth."""

from samples.manifest import Manifest
from samples.truth import DATASETS, Parameters
from samples.world import Person, World

ALIASES = "person_aliases"
MARRIAGES = "marriages"


def may_fail(world: World, manifest: Manifest, claim: str, person: Person | None, parameters: Parameters) -> bool:
    """Whether a hub may say CANNOT_VERIFY about a claim, since a bad record may bear on it.

    A spoilt alias leaves it open which records are somebody's, in every dataset. A marriage's record is lost to both
    spouses, so that it matters too who the other one is.
    """
    if any(manifest.touches(world, dataset, person) for dataset in (*DATASETS[claim], ALIASES)):
        return True
    for name, datasets in (("spouse", (MARRIAGES, ALIASES)), ("parent", (ALIASES,))):
        if name in parameters:
            other = world.holder(str(parameters[name]))
            if any(manifest.touches(world, dataset, other) for dataset in datasets):
                return True
    return False
