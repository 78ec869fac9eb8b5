-- Every staged row with what is known about its neighbours: whether it repeats an earlier row, or contradicts another.
-- A view: the columns are many and the doubles few, so joining each time costs less than a copy.
create or replace view checked as
with known as (
    select
        staged.*,
        staged.rowid + 1 as _record,
        coalesce(doubles.identical, false) as _identical,
        coalesce(doubles.conflicting, false) as _conflicting
    from staged left join doubles on doubles._record = staged.rowid + 1
)
select *$neighbours from known;
