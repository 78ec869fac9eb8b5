-- The index keys that are looked at, each with an empty row, and again those of them that are tainted.
select taint_key(kind, form, $$1, $$2) as key, ''::blob as value from $only
union all
select taint_key(kind, form, $$1, $$2) as key, null::blob as value from $only semi join taints using (kind, form)
