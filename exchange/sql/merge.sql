-- Changed rows take the place of the rows with their keys, in the data and among the rows that are held back; and whose rows
-- came or went. One transaction: it is done or it is not.
begin;

create temp table taints_before as select * from taints;

-- A held-back row is known again by its key as it was written, or as it is meant.
create temp table held as select quarantine.rowid as place, * from quarantine;

create temp table meant as select place, $cleaned from (select place, $raw from held);

create temp table known_again as
select held.place, changed.rowid as of, changed.rows from held join run.changed as changed on $same_written
union
select held.place, changed.rowid as of, changed.rows from meant as held join run.changed as changed on $same_cleaned;

-- Rows of one key that say different things are held back together. Where not all of them are delivered again, nobody
-- knows yet which is right.
create temp table contested as
select changed.* from run.changed as changed
where changed.rowid in (select of from known_again group by of, rows having count(distinct place) > rows);

create temp table replaced as
select $columns from records semi join run.changed as changed on $same_key;

create temp table come_rows as
select $columns from run.records as records anti join contested on $same_new_key;

delete from records where exists (select 1 from run.changed as changed where $same_key);

create temp table gone as
select place from known_again where of not in (select of from known_again group by of, rows having count(distinct place) > rows);

delete from quarantine where rowid in (select place from gone);

-- What is delivered again as it was held back is held back once.
delete from quarantine where exists (select 1 from run.quarantine as come where $same_row);

insert into records select $columns from come_rows;

insert into quarantine by name select * from run.quarantine;

insert into quarantine by name
select [$rule] as _rules, $delivered from run.records as records semi join contested on $same_new_key;

commit;

create temp table came_or_went as $subjects;
