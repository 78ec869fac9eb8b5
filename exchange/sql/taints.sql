-- Whom held-back rows may be about, as it is found: the same one many times, and rows that name nobody.
create or replace temp table tainted_found (kind varchar, form varchar);

create or replace temp table tainted_nobody (record bigint);
