"""What statements are signed over: DSSE's encoding, against its own vectors (the kernel has no test of these)."""

import base64
from collections.abc import Callable
from typing import Any

from kernel.signing import BadSignature, SigningKey, VerifyKey, pae


def unpack(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/"))


def accepted(case: dict[str, Any], keys: dict[str, VerifyKey]) -> bool:
    """The protocol's verification, over the encoding and the keys under test."""
    envelope = case["envelope"]
    if envelope["payloadType"] not in case["supportedPayloadTypes"]:
        return False
    message = pae(envelope["payloadType"], unpack(envelope["payload"]))
    signers = set()
    for each in envelope["signatures"]:
        for name in case["trustedKeys"]:
            try:
                keys[name].check(unpack(each["sig"]), message)
            except BadSignature:
                continue
            signers.add(name)
    return len(signers) >= case["threshold"]


def test_envelopes_are_accepted_and_rejected_as_they_say(vector: Callable[[str], Any]) -> None:
    found = vector("dsse/vectors.json")
    keys = {name: VerifyKey(bytes.fromhex(each["public"])) for name, each in found["keys"].items()}
    for name, each in found["keys"].items():
        assert SigningKey(bytes.fromhex(each["seed"])).public.raw == keys[name].raw
    for case in found["vectors"]:
        assert accepted(case, keys) == (case["expect"] == "accept"), case["id"]
        signed_type = "application/vnd.in-toto+json" if case["id"] == "payload-type-swapped" else None
        encoded = pae(signed_type or case["envelope"]["payloadType"], unpack(case["envelope"]["payload"]))
        assert encoded.hex() == case["pae"], case["id"]
