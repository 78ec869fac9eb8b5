-- The distinct numbers that SQL cannot fold itself, numbered so that they pass through Python in parts, and the table that
-- takes what they fold to.
create or replace temp table waiting as
select raw, row_number() over () as place from (select distinct raw from ($every) where raw is not null);

create or replace temp table folded (raw varchar, number varchar);
