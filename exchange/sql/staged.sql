-- Every delivered row as typed values. Beside each stands the delivered text, where the value would not write the same.
create or replace table staged as
with typed as (select *, $values from delivery.delivered)
select $columns, $others from typed;
