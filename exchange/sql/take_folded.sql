-- Numbers that were folded, in their column; what was delivered stays where it was written in another way.
update staged set $column = folded.number, $raw = case when $raw <> folded.number then $raw end
from folded where staged.$raw = folded.raw and staged.$column is null
