-- The same folding of identity numbers as kernel.identity, for numbers that need none: 18 digits as they should be.
-- Whatever else is delivered goes through kernel.identity itself. A test compares the two.
create or replace temp macro is_plain_number(raw) as regexp_full_match(raw, '[1-9][0-9]{16}[0-9Xx]');

-- The check character of a number from its first nine digits and the eight behind them, as integers.
create or replace temp macro weighed(head, tail) as substr('10X98765432', 1 + (
    7 * (head // 100000000) + 9 * (head // 10000000 % 10) + 10 * (head // 1000000 % 10) + 5 * (head // 100000 % 10)
    + 8 * (head // 10000 % 10) + 4 * (head // 1000 % 10) + 2 * (head // 100 % 10) + (head // 10 % 10)
    + 6 * (head % 10) + 3 * (tail // 10000000) + 7 * (tail // 1000000 % 10) + 9 * (tail // 100000 % 10)
    + 10 * (tail // 10000 % 10) + 5 * (tail // 1000 % 10) + 8 * (tail // 100 % 10) + 4 * (tail // 10 % 10)
    + 2 * (tail % 10)
) % 11, 1);

create or replace temp macro check_character(number) as
    weighed(try_cast(substr(number, 1, 9) as integer), try_cast(substr(number, 10, 8) as integer));

-- Eight digits can be read in one way only.
create or replace temp macro has_birth_date(number) as
    substr(number, 7, 4) <> '0000' and try_strptime(substr(number, 7, 8), '%Y%m%d') is not null;

create or replace temp macro plain_person(raw) as case
    when check_character(raw) = upper(substr(raw, 18, 1)) and has_birth_date(raw) then upper(raw)
end;

create or replace temp macro canonical_person(number) as case
    when number[1] = '9' or number[1] between 'A' and 'Z' then 'foreign_permit:' || number
    when substr(number, 1, 6) in ('810000', '820000', '830000') then 'hmt_permit:' || number
    else 'resident:' || number
end;

create or replace temp macro canonical_organisation(number) as 'organisation:' || number;

-- Text without the spaces around it: blank, tabulator, line ends, no-break (160) and ideographic (12288). Nothing is nothing.
-- Hardly any text holds one of them anywhere, and looking costs less than trimming.
create or replace temp macro holds_space(raw) as contains(raw, ' ') or contains(raw, chr(12288)) or contains(raw, chr(9))
    or contains(raw, chr(160)) or contains(raw, chr(10)) or contains(raw, chr(13));

create or replace temp macro trimmed(raw) as case
    when holds_space(raw) then nullif(trim(raw, ' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288)), '')
    else nullif(raw, '')
end;

-- Digits and signs in their ASCII forms.
create or replace temp macro narrow(raw) as translate(trimmed(raw), '０１２３４５６７８９－．／：＋', '0123456789-./:+');

-- Days and instants of the years that the calendar of everything else knows, and numbers that are finite.
create or replace temp macro known_day(value) as
    case when value between date '0001-01-01' and date '9999-12-31' then value end;

create or replace temp macro known_instant(value) as
    case when value between timestamp '0001-01-02 00:00:00' and timestamp '9999-12-30 23:59:59' then value end;

create or replace temp macro finite(value) as case when isfinite(value) then value end;
