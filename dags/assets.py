"""What the DAGs announce."""

from airflow.sdk import Asset


def snapshot_asset(dataset: str) -> Asset:
    """A dataset's snapshots as Airflow announces them: other DAGs may wait for it."""
    return Asset(name=f"snapshot_{dataset}", uri=f"mianzheng://snapshot/{dataset}")
