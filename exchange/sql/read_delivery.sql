-- The extracted delivery as it is: every column text, empty text absent. Only for this step: `staged` holds it too.
create or replace temp table staged_text as
select * from read_csv(
    ?, header = false, auto_detect = false, columns = {$columns}, delim = ',', quote = '"', escape = '"', nullstr = '',
    new_line = '\r\n', max_line_size = $line_bytes_max
);
