-- What a snapshot holds: the published rows as typed values, and the rows held back as they were delivered, with the rules
-- that they fail and with whom they may be about.
create table records as
select _record, $columns from run.checked anti join run.quarantine using (_record) where not _identical order by _record;

create table quarantine as select _record, _rules, $raw from run.quarantine order by _record;

create table taints as select kind, form from run.taints order by kind, form;
