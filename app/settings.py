"""The settings of a hub as a whole."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """Section `hub`."""

    name: str = setting("wenling.mianzheng.example", "the hub's name: in statements, log origins, certificates")
    workers: int = setting(2, "how many verifier workers `mianzheng serve` keeps running")
    workers_max: int = setting(4, "for how many workers `mianzheng init` makes log keys")
    tag_epoch: str = setting("2026", "the epoch whose key makes new subject tags")
    notices_bytes_max: int = setting(16 << 20, "size of the file of notices beyond which it is put aside")
    agreements: str = setting(
        "",
        "the folder of contracts, claims, items, grants and clients, from the home on; empty: those that come with us",
    )
