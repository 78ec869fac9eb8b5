-- All of a delivery's counts in one pass: rows, identical duplicates, rows that fail any rule, and rows that fail each.
select
    count(*),
    count(*) filter (where _identical),
    count(*) filter (where not _identical and ($bad)),
    $failures
from checked
