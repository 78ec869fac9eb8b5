-- The same folding of identity numbers as kernel.identity, for numbers that need none: 18 digits as they should be.
-- Whatever else is delivered goes through kernel.identity itself. A test compares the two.
create or replace temp macro is_plain_number(raw) as regexp_full_match(raw, '[1-9][0-9]{16}[0-9Xx]');

create or replace temp macro digit(number, place) as try_cast(substr(number, place, 1) as integer);

create or replace temp macro check_character(number) as substr('10X98765432', 1 + (
    7 * digit(number, 1) + 9 * digit(number, 2) + 10 * digit(number, 3) + 5 * digit(number, 4) + 8 * digit(number, 5)
    + 4 * digit(number, 6) + 2 * digit(number, 7) + digit(number, 8) + 6 * digit(number, 9) + 3 * digit(number, 10)
    + 7 * digit(number, 11) + 9 * digit(number, 12) + 10 * digit(number, 13) + 5 * digit(number, 14)
    + 8 * digit(number, 15) + 4 * digit(number, 16) + 2 * digit(number, 17)
) % 11, 1);

create or replace temp macro has_birth_date(number) as substr(number, 7, 4) <> '0000'
    and strftime(try_strptime(substr(number, 7, 8), '%Y%m%d'), '%Y%m%d') = substr(number, 7, 8);

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
create or replace temp macro trimmed(raw) as
    nullif(trim(raw, ' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288)), '');

-- Digits and signs in their ASCII forms.
create or replace temp macro narrow(raw) as translate(trimmed(raw), '０１２３４５６７８９－．／：＋', '0123456789-./:+');

-- Days and instants of the years that the calendar of everything else knows, and numbers that are finite.
create or replace temp macro known_day(value) as
    case when value between date '0001-01-01' and date '9999-12-31' then value end;

create or replace temp macro known_instant(value) as
    case when value between timestamp '0001-01-02 00:00:00' and timestamp '9999-12-30 23:59:59' then value end;

create or replace temp macro finite(value) as case when isfinite(value) then value end;
