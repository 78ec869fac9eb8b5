"""How patient the pipeline is."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class DagSettings:
    """Section `dags`: retries and time limits of every sync DAG."""

    retries: int = setting(2, "how often a step is tried again that failed for a reason which may pass")
    retry_delay_s: float = setting(60.0, "seconds before the first retry; doubled for each further one")
    retry_delay_max_s: float = setting(900.0, "seconds before a retry at most")
    step_within_s: float = setting(3600.0, "seconds within which one try of a step must end")
    deadline_s: float = setting(
        0.0,
        "seconds after its start by which a run must have ended well, else notice is given; 0: the contract's latency",
    )
    questions_max: int = setting(16, "questions about held deliveries of one dataset that wait at the same time")
    run_within_s: float = setting(14400.0, "seconds within which a whole run must end")
