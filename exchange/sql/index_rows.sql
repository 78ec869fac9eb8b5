-- Every row's bytes under the index keys of its subjects, in the order of the keys.
select key, value from ($every) order by key
