-- Every row's bytes under the index keys of its subjects.
select key, value from (select $key as key, $value as value from $source) where key is not null
