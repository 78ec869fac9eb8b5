-- All of a delivery's counts: rows, identical duplicates, rows that fail any rule, and rows that fail each.
select
    (select count(*) from staged),
    (select count(*) from doubles where identical),
    count(*)$failures
from quarantine
