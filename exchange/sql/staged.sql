-- Every delivered row as typed values. Beside each stands the delivered text, where the value would not write the same.
-- The delivery is read as it is, every column text and empty text absent.
create or replace table staged as
with delivered as (
    select $delivered from read_csv(
        ?, header = false, auto_detect = false, columns = {$declared}, delim = $delimiter, quote = '"', escape = '"',
        nullstr = '', new_line = '\n', max_line_size = $line_bytes_max, buffer_size = $buffer_bytes, strict_mode = true,
        parallel = $parallel
    )
),
typed as (select *, $values from delivered)
select $columns, $others from typed;
