-- The rows that fail a rule, with the rules' names, and every value's text as it was delivered.
create or replace table quarantine as
select checked.* replace ($delivered), list_filter([$failed], lambda failed: failed is not null) as _rules
from checked where not _identical and ($bad);
