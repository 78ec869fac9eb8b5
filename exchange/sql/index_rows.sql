-- Every row's bytes under the index keys of its subjects, in the order of the keys.
select key, value from (select $key as key, $value as value from $source) where key is not null order by key
