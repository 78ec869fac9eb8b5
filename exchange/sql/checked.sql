-- Every staged row with what is known about its neighbours: whether it repeats an earlier row, or contradicts another.
-- A view: the columns are many and the doubles few, so joining each time costs less than a copy.
create or replace view checked as
with known as (
    select
        staged.*,
        coalesce(doubles.identical, false) as _identical,
        coalesce(doubles.conflicting, false) as _conflicting
    from staged left join doubles using (_record)
)
select *$repeated from known;
