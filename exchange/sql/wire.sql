-- Values in protobuf's wire format, so that a row's bytes are made where the row is. schemas.rows is the reference; a test
-- compares the two. An integer of 64 bits is written in groups of 7, the lowest first; a negative one takes ten bytes.
create or replace temp macro wire_byte(n) as unhex(substr('$bytes', 2 * (n)::integer + 1, 2));

create or replace temp macro wire_more(n) as wire_byte(((n) & 127) | 128);

create or replace temp macro wire_varint(n) as case
    when n < 0 then wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21)
        || wire_more(n >> 28)
        || wire_more(n >> 35) || wire_more(n >> 42) || wire_more(n >> 49) || wire_more(n >> 56) || '\x01'::blob
    when n < 128 then wire_byte(n)
    when n < 16384 then wire_more(n) || wire_byte(n >> 7)
    when n < 2097152 then wire_more(n) || wire_more(n >> 7) || wire_byte(n >> 14)
    when n < 268435456 then wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_byte(n >> 21)
    when n < 34359738368 then
        wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21) || wire_byte(n >> 28)
    when n < 4398046511104 then
        wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21) || wire_more(n >> 28)
        || wire_byte(n >> 35)
    when n < 562949953421312 then
        wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21) || wire_more(n >> 28)
        || wire_more(n >> 35) || wire_byte(n >> 42)
    when n < 72057594037927936 then
        wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21) || wire_more(n >> 28)
        || wire_more(n >> 35) || wire_more(n >> 42) || wire_byte(n >> 49)
    else wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21) || wire_more(n >> 28)
        || wire_more(n >> 35) || wire_more(n >> 42) || wire_more(n >> 49) || wire_byte(n >> 56)
end;

-- A text's length in front of it. Rows are bounded, so three bytes are enough.
create or replace temp macro wire_length(n) as case
    when n < 128 then wire_byte(n)
    when n < 16384 then wire_more(n) || wire_byte(n >> 7)
    else wire_more(n) || wire_more(n >> 7) || wire_byte(n >> 14)
end;

create or replace temp macro wire_text(value) as wire_length(strlen(value)) || encode(value);

-- A Timestamp message of whole seconds, its length in front; at second zero it is empty. Years have four digits, so six
-- bytes are enough for what is not negative.
create or replace temp macro wire_seconds(n) as case
    when n < 0 then '\x0B\x08'::blob || wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14)
        || wire_more(n >> 21) || wire_more(n >> 28)
        || wire_more(n >> 35) || wire_more(n >> 42) || wire_more(n >> 49) || wire_more(n >> 56) || '\x01'::blob
    when n = 0 then '\x00'::blob
    when n < 128 then '\x02\x08'::blob || wire_byte(n)
    when n < 16384 then '\x03\x08'::blob || wire_more(n) || wire_byte(n >> 7)
    when n < 2097152 then '\x04\x08'::blob || wire_more(n) || wire_more(n >> 7) || wire_byte(n >> 14)
    when n < 268435456 then '\x05\x08'::blob || wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14)
        || wire_byte(n >> 21)
    when n < 34359738368 then '\x06\x08'::blob || wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14)
        || wire_more(n >> 21) || wire_byte(n >> 28)
    else '\x07\x08'::blob || wire_more(n) || wire_more(n >> 7) || wire_more(n >> 14) || wire_more(n >> 21)
        || wire_more(n >> 28)
        || wire_byte(n >> 35)
end;

-- A day, and an instant of the city's clocks, as whole seconds since 1970. Since 1992 the city is eight hours ahead; before,
-- it is what the time zone database says.
create or replace temp macro day_seconds(value) as (value - date '1970-01-01')::bigint * 86400;

create or replace temp macro instant_seconds(value) as case
    when value >= timestamp '1992-01-01' then floor(epoch(value))::bigint - 28800
    else floor(epoch(value at time zone 'Asia/Shanghai'))::bigint
end;

-- HMAC-SHA256 from the key's inner and outer block, cut to the length of an index key.
create or replace temp macro index_key(form, inner_block, outer_block) as
    unhex(left(sha256(outer_block || unhex(sha256(inner_block || encode(form)))), 32));

create or replace temp macro taint_key(kind, form, inner_block, outer_block) as
    index_key(case when kind = 'name' then 'name:' || form else form end, inner_block, outer_block);
