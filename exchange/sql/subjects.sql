-- The subjects of every published row, by canonical identity, and the distinct ones, numbered so that they pass through
-- Python in parts to be keyed.
create temp table row_subjects as select distinct form, _record from ($every) where form is not null;

create temp table subjects as select form, row_number() over () as place from (select distinct form from row_subjects);

create temp table index_keys (form varchar, key blob);
