-- Changed rows take the place of the rows with their keys, in the data and among the rows that are held back; and whose rows
-- came or went. One transaction: it is done or it is not.
begin;

create temp table replaced as
select $columns from records semi join run.changed as changed on $same_key;

delete from records where exists (select 1 from run.changed as changed where $same_key);

delete from quarantine where exists (select 1 from run.changed as changed where $same_written);

insert into records select $columns from run.records;

insert into quarantine by name select * from run.quarantine;

commit;

create temp table touched as select distinct form, number from ($subjects) where number is not null;
