"""Which key signs now: by the history and the clock, and what happens where neither can be relied on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kernel.clock import FixedClock
from kernel.errors import Unavailable
from kernel.signing import SigningKey
from kernel.trust import ANSWER, LOG, Trust, TrustedKey, issue
from verifier.key_ring import KeyRing, LogSigner

HUB, ORIGIN = "city.example", "city.example/audit/worker-0"
NOON = datetime(2026, 12, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = SigningKey.generate()


@dataclass(kw_only=True)
class Keys:
    """Two keys of a use, the second from an hour on, and the file that vouches for them."""

    file: Path
    use: str
    origin: str
    old: SigningKey = field(default_factory=SigningKey.generate)
    new: SigningKey = field(default_factory=SigningKey.generate)

    def vouch(self, *, old_until: datetime | None = NOON + 2 * HOUR, new_until: datetime | None = None) -> None:
        keys = [
            TrustedKey(use=self.use, key=self.old.public, valid_from=NOON, valid_until=old_until, origin=self.origin),
            TrustedKey(
                use=self.use, key=self.new.public, valid_from=NOON + HOUR, valid_until=new_until, origin=self.origin
            ),
        ]
        beside = self.file.with_suffix(".next")
        beside.write_bytes(issue(ROOT, HUB, keys, now=NOON))
        beside.replace(self.file)

    def ring(self) -> KeyRing:
        return KeyRing(
            str(self.file),
            read_trust=lambda: Trust.parse(self.file.read_bytes()),
            read_keys=lambda: [self.old, self.new],
            origin=self.origin,
            check_seconds=0.0,
        )


@pytest.fixture(params=[ANSWER, LOG])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    found = Keys(file=tmp_path / "trust.json", use=request.param, origin=ORIGIN if request.param == LOG else "")
    found.vouch()
    return found


def signer(keys: Keys, ring: KeyRing, now: datetime) -> SigningKey:
    return LogSigner(ring, FixedClock(instant=now)).current() if keys.use == LOG else ring.signer(now)


def test_the_newest_key_signs_whose_time_has_come(keys: Keys) -> None:
    ring = keys.ring()
    assert signer(keys, ring, NOON) is keys.old
    assert signer(keys, ring, NOON + HOUR - timedelta(microseconds=1)) is keys.old
    assert signer(keys, ring, NOON + HOUR) is keys.new
    assert {each.raw for each in ring.known} == {keys.old.public.raw, keys.new.public.raw}


def test_an_ended_key_signs_no_more_from_the_next_look_on(keys: Keys) -> None:
    ring = keys.ring()
    keys.vouch(new_until=NOON + HOUR)
    assert signer(keys, ring, NOON + HOUR) is keys.old
    keys.vouch(old_until=NOON, new_until=NOON + HOUR)
    with pytest.raises(Unavailable):
        signer(keys, ring, NOON + HOUR)
    keys.vouch()
    assert signer(keys, ring, NOON + HOUR) is keys.new


@pytest.mark.parametrize("fault", ["gone", "garbage"])
def test_a_history_that_cannot_be_read_stops_answers_and_no_log(keys: Keys, fault: str) -> None:
    ring = keys.ring()
    if fault == "gone":
        keys.file.unlink()
    else:
        keys.file.write_bytes(b"{}")
    if keys.use == LOG:
        assert signer(keys, ring, NOON + HOUR) is keys.new
        assert len(ring.known) == 2
    else:
        with pytest.raises(Unavailable):
            signer(keys, ring, NOON + HOUR)
    keys.vouch()
    assert signer(keys, ring, NOON + HOUR) is keys.new


def test_a_clock_before_the_first_key_stops_answers_and_no_log(keys: Keys) -> None:
    ring = keys.ring()
    if keys.use == LOG:
        assert signer(keys, ring, NOON - HOUR) is keys.old
    else:
        with pytest.raises(Unavailable):
            signer(keys, ring, NOON - HOUR)
    assert signer(keys, ring, NOON) is keys.old
