-- What a snapshot holds after a merge, and what the changes deleted.
select
    (select count(*) from records),
    (select count(*) from quarantine),
    (select count(*) from taints),
    deleted
from run.settled
