"""A question in the bytes that travel, made beforehand but for its nonce."""

from schemas.wire.v1 import verification_pb2

METHOD = "/mianzheng.v1.VerificationService/VerifyItem"
NONCE_SIZE = 16
_NONCE_KEY = verification_pb2.VerifyItemRequest.NONCE_FIELD_NUMBER << 3 | 2


def unfinished(case_number: str, case_token: bytes, party: verification_pb2.Party) -> bytes:
    """A question in a case, as bytes that only the nonce is missing from: its 16 bytes are to be put behind them."""
    request = verification_pb2.VerifyItemRequest(case_number=case_number, case_token=case_token, parties=[party])
    # The nonce is the message's last field: its key and its length come before it.
    return request.SerializeToString() + bytes((_NONCE_KEY, NONCE_SIZE))
