-- Rows that share a primary key. `identical`: a row that says nothing beyond an earlier one and is dropped.
-- `conflicting`: rows of one key that say different things, all of them held back, since nobody knows which is right.
create or replace table doubles as
with keyed as (select _record, row($key) as key, row($content) as content from staged where $key_present),
shared as (select key from keyed group by key having count(*) > 1),
doubled as (select keyed.* from keyed semi join shared using (key)),
variants as (select key, count(distinct content) > 1 as conflicting from doubled group by key)
select
    doubled._record,
    row_number() over (partition by doubled.key, doubled.content order by doubled._record) > 1 as identical,
    variants.conflicting
from doubled join variants using (key);
