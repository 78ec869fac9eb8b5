-- Who must be looked at in the index: whose rows came or went, and whose taint did.
create temp table touched as
select distinct 'identity' as kind, form from came_or_went
union
(select kind, form from taints except select kind, form from taints_before)
union
(select kind, form from taints_before except select kind, form from taints);
