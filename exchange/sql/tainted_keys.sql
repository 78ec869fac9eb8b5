-- The index keys of everyone whom a held-back row may be about.
select taint_key(kind, form, $1, $2) as key, null::blob as value from taints
