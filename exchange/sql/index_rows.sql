-- Published rows under each of their subjects' index keys, in the order of the index.
select index_keys.key, $columns
from row_subjects join index_keys using (form) join records using (_record)
order by index_keys.key, _record
