-- From a judged delivery to what a snapshot holds: the published rows as typed values, and the rows held back as they were
-- delivered, with the rules that they fail. Rows that the registry marks as deleted go. One transaction: it is done or it
-- is not.
begin;

create table held_back as select _record, _rules, $raw from quarantine order by _record;

$changed

delete from staged where rowid + 1 in (
    select _record from quarantine union all select _record from doubles where identical
);

create table settled as select count(*) as deleted from staged where $deleted;

delete from staged where $deleted;

drop view checked;

drop table quarantine;

drop table doubles;

$drop_delivered

alter table held_back rename to quarantine;

alter table staged rename to records;

commit;
