-- How the rows of two versions differ, by their primary key. Counts only: no value leaves this statement.
select
    count(*) filter (where before_there is null),
    count(*) filter (where after_there is null),
    count(*) filter (where before_there and after_there and ($different)),
    count(*) filter (where before_there and after_there)
    $each
from (select true as before_there, * from before_version.records) as b
full join (select true as after_there, * from after_version.records) as a on $same_key
