-- The extracted delivery as it is, in the contract's columns.
create or replace table delivery.delivered as
select $columns from read_csv(
    ?, header = false, auto_detect = false, columns = {$declared}, delim = $delimiter, quote = '"', escape = '"',
    nullstr = '', new_line = '\n', max_line_size = $line_bytes_max, strict_mode = true
);
