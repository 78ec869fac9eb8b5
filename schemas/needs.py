"""How much of the applicant's presence a grant needs: the ways to establish it, in the order of what they prove."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

from schemas.title import Title
from schemas.wire.v1 import statement_pb2


class Proof(IntEnum):
    """What is proved of the applicant's presence: more is greater, and does wherever less is needed.

    A card that was read proves that the card is there, a face compared with it that its holder is; an operator's word
    proves that somebody answers for it; who asks from afar proves nothing of it.
    """

    NOTHING = 0
    REMOTE = 1
    OPERATOR_WORD = 2
    CARD_READ = 3
    FACE_CHECK = 4

    @classmethod
    def of(cls, presence: int) -> Self:
        """What a way of establishing presence, as the wire names it, proves."""
        return cls(_RANKS.get(presence, 0))

    @property
    def key(self) -> str:
        """As files and commands say it."""
        return self.name.lower()

    @property
    def words(self) -> Title:
        """As people read it."""
        return _WORDS[self]


_RANKS: Mapping[int, int] = {
    statement_pb2.PRESENCE_REMOTE: Proof.REMOTE,
    statement_pb2.PRESENCE_OPERATOR_WORD: Proof.OPERATOR_WORD,
    statement_pb2.PRESENCE_CARD_READ: Proof.CARD_READ,
    statement_pb2.PRESENCE_FACE_CHECK: Proof.FACE_CHECK,
}
_WORDS = {
    Proof.NOTHING: Title(zh="无", en="nothing"),
    Proof.REMOTE: Title(zh="远程", en="remote"),
    Proof.OPERATOR_WORD: Title(zh="经办人确认", en="operator's word"),
    Proof.CARD_READ: Title(zh="读取证件", en="card read"),
    Proof.FACE_CHECK: Title(zh="人证比对", en="face check"),
}
