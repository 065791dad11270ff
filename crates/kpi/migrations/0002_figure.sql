-- What figures are made of: copies of what other services tell, the facts that count, and their roll-ups.

create table kpi.territory (
    code text collate "C" not null,
    path text collate "C" not null,
    -- Code of the level.
    level text not null,
    constraint territory_pkey primary key (code)
);

create index territory_path_idx on kpi.territory (path);

-- How far each followed feed has been taken in, in the transaction of what it brought.
create table kpi.followed (
    source text not null,
    position bigint not null,
    constraint followed_pkey primary key (source)
);

-- A row for what is changed by one transaction at a time. Whoever changes facts locks `fact` first: roll-ups near the root belong to all of
-- them, and each sees the tree and the facts that the one before left.
create table kpi.turn (
    noun text not null,
    constraint turn_pkey primary key (noun)
);

insert into kpi.turn (noun) values ('fact');

-- What people call the parts of a break-down. The higher rank is the newer name.
create table kpi.name (
    dimension text not null,
    key text collate "C" not null,
    name_zh text not null,
    name_en text,
    rank bigint not null,
    constraint name_pkey primary key (dimension, key)
);

create index name_name_idx on kpi.name (dimension, name_zh);

-- Chances of the stages of pipelines.
create table kpi.stage (
    -- `PIPELINE/STAGE`.
    key text collate "C" not null,
    probability_percent integer not null,
    -- Position of the event that told it.
    position bigint not null,
    constraint stage_pkey primary key (key)
);

-- What is known of each thing that counts, as its events told.
create table kpi.subject (
    id uuid not null,
    -- Of an opportunity, else null.
    pipeline_code text collate "C",
    known jsonb not null,
    -- Position of its newest event.
    position bigint not null,
    constraint subject_pkey primary key (id)
);

create index subject_pipeline_code_idx on kpi.subject (pipeline_code, id) where pipeline_code is not null;

-- What counts. 0001-01-01 stands for an unknown business date, an empty text for no key.
create table kpi.fact (
    subject_id uuid not null,
    -- Of everything below but `times`.
    digest bigint not null,
    -- `account`, `account_manager` or `opportunity`.
    noun text not null,
    measure text collate "C" not null,
    day date not null,
    territory_code text collate "C" not null,
    manager_id uuid,
    account_id uuid,
    stage text collate "C" not null,
    tier text collate "C" not null,
    industry_code text collate "C" not null,
    currency_code text collate "C" not null,
    value numeric not null,
    -- Its parts by offering.
    offering_codes text[] not null,
    offering_values numeric[] not null,
    -- How often it counts: below zero for what left a stock.
    times integer not null,
    constraint fact_pkey primary key (subject_id, digest)
);

create index fact_measure_idx on kpi.fact (measure, day);
create index fact_manager_idx on kpi.fact (manager_id, measure, day);
create index fact_account_idx on kpi.fact (account_id, measure, day);

-- Sums of facts by month: for each territory of everything in and below it, for each key of each dimension, and for the whole under an
-- empty dimension.
create table kpi.rollup_month (
    measure text collate "C" not null,
    territory_code text collate "C" not null,
    dimension text collate "C" not null,
    key text collate "C" not null,
    month date not null,
    currency_code text collate "C" not null,
    value numeric not null,
    constraint rollup_month_pkey primary key (measure, territory_code, dimension, key, month, currency_code)
);

create index rollup_month_territory_idx on kpi.rollup_month (territory_code);

-- Sums of facts by day, for the days at the ends of a range that are no whole month.
create table kpi.rollup_day (
    measure text collate "C" not null,
    territory_code text collate "C" not null,
    day date not null,
    currency_code text collate "C" not null,
    value numeric not null,
    constraint rollup_day_pkey primary key (measure, territory_code, day, currency_code)
);

create index rollup_day_territory_idx on kpi.rollup_day (territory_code);

-- What billing and usage bring in. The key says which value a later one corrects; an id of nobody is all zeros.
create table kpi.measurement (
    measure text collate "C" not null,
    day date not null,
    territory_code text collate "C" not null,
    manager_id uuid not null,
    account_id uuid not null,
    offering_code text collate "C" not null,
    currency_code text collate "C" not null,
    tier text collate "C" not null,
    industry_code text collate "C" not null,
    value numeric not null,
    constraint measurement_pkey primary key (measure, day, territory_code, manager_id, account_id, offering_code, currency_code)
) partition by range (day);

create table kpi.measurement_before_2020 partition of kpi.measurement for values from (minvalue) to ('2020-01-01');
create table kpi.measurement_2020 partition of kpi.measurement for values from ('2020-01-01') to ('2021-01-01');
create table kpi.measurement_2021 partition of kpi.measurement for values from ('2021-01-01') to ('2022-01-01');
create table kpi.measurement_2022 partition of kpi.measurement for values from ('2022-01-01') to ('2023-01-01');
create table kpi.measurement_2023 partition of kpi.measurement for values from ('2023-01-01') to ('2024-01-01');
create table kpi.measurement_2024 partition of kpi.measurement for values from ('2024-01-01') to ('2025-01-01');
create table kpi.measurement_2025 partition of kpi.measurement for values from ('2025-01-01') to ('2026-01-01');
create table kpi.measurement_2026 partition of kpi.measurement for values from ('2026-01-01') to ('2027-01-01');
create table kpi.measurement_2027 partition of kpi.measurement for values from ('2027-01-01') to ('2028-01-01');
create table kpi.measurement_2028 partition of kpi.measurement for values from ('2028-01-01') to ('2029-01-01');
create table kpi.measurement_2029 partition of kpi.measurement for values from ('2029-01-01') to ('2030-01-01');
create table kpi.measurement_2030 partition of kpi.measurement for values from ('2030-01-01') to ('2031-01-01');
create table kpi.measurement_from_2031 partition of kpi.measurement for values from ('2031-01-01') to (maxvalue);

create index measurement_manager_idx on kpi.measurement (manager_id, measure, day);
create index measurement_account_idx on kpi.measurement (account_id, measure, day);

-- Facts and measurements alike.
create view kpi.counted as
select (noun || '/' || subject_id) collate "C" as subject, digest, measure, day, territory_code, manager_id, account_id, stage, tier, industry_code,
    currency_code, value, offering_codes, offering_values, times
from kpi.fact
union all
select 'measurement' as subject, 0 as digest, measure, day, territory_code,
    nullif(manager_id, '00000000-0000-0000-0000-000000000000') as manager_id,
    nullif(account_id, '00000000-0000-0000-0000-000000000000') as account_id,
    '' as stage, tier, industry_code, currency_code, value, array[offering_code] as offering_codes, array[value] as offering_values, 1 as times
from kpi.measurement;

grant select, insert, update, delete on kpi.territory to kpi_service;
grant select, insert, update on kpi.followed to kpi_service;
grant select, update on kpi.turn to kpi_service;
grant select, insert, update on kpi.name to kpi_service;
grant select, insert, update on kpi.stage to kpi_service;
grant select, insert, update on kpi.subject to kpi_service;
grant select, insert, update, delete on kpi.fact to kpi_service;
grant select, insert, update on kpi.rollup_month to kpi_service;
grant select, insert, update on kpi.rollup_day to kpi_service;
grant select, insert, update on kpi.measurement to kpi_service;
grant select on kpi.counted to kpi_service;
