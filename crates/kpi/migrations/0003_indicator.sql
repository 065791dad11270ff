create table kpi.indicator (
    id uuid not null,
    code text collate "C" not null,
    name_zh text not null,
    name_en text,
    formula text not null,
    kind text not null,
    unit text not null,
    direction text not null,
    decimal_places integer,
    owner text not null,
    description text not null,
    version_number integer not null,
    measure_codes text[] not null,
    shipped boolean not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint indicator_pkey primary key (id),
    constraint indicator_code_key unique (code)
);

grant select, insert, update on kpi.indicator to kpi_service;
