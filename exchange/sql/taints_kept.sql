-- Each of them once, kept.
create or replace table taints as select distinct kind, form from tainted_found;
