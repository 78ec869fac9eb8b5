-- The rows that fail a rule, with the rules' names.
create or replace table quarantine as
select checked.*, list_filter([$failed], lambda failed: failed is not null) as _rules
from checked where not _identical and ($bad);
