-- Rows that share a primary key. `identical`: a row that says nothing beyond an earlier one and is dropped.
-- `conflicting`: rows of one key that say different things, all of them held back, since nobody knows which is right.
-- A row's place in the delivery is its place in the table. Few rows are doubles, so a hash finds the candidates first.
create or replace temp table suspects as
select hash($key) as mark from staged where $key_present group by mark having count(*) > 1;

create or replace table doubles as
with suspected as (
    select rowid + 1 as _record, row($key) as key, row($content) as content
    from staged where $key_present and hash($key) in (select mark from suspects)
),
shared as (select key from suspected group by key having count(*) > 1),
doubled as (select suspected.* from suspected semi join shared using (key)),
variants as (select key, count(distinct content) > 1 as conflicting from doubled group by key)
select
    doubled._record,
    row_number() over (partition by doubled.key, doubled.content order by doubled._record) > 1 as identical,
    variants.conflicting
from doubled join variants using (key);
