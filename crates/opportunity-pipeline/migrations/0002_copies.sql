-- Copies of what other services tell, kept by following their feeds. A version says which of two tellings is the newer one.

create table opportunity_pipeline.territory (
    code text collate "C" not null,
    path text collate "C" not null,
    -- Code of the level, which decides how much authority a grant gives.
    level text not null,
    constraint territory_pkey primary key (code)
);

-- How far each followed feed has been taken in, in the transaction of what it brought.
create table opportunity_pipeline.followed (
    source text not null,
    position bigint not null,
    constraint followed_pkey primary key (source)
);

create table opportunity_pipeline.account (
    id uuid not null,
    legal_name text not null,
    territory_code text collate "C" not null,
    tier text,
    industry_code text,
    deleted boolean not null,
    version bigint not null,
    constraint account_pkey primary key (id)
);

-- Ids of accounts in other systems, by which imports name them.
create table opportunity_pipeline.account_external_id (
    system text collate "C" not null,
    value text collate "C" not null,
    account_id uuid not null,
    constraint account_external_id_pkey primary key (system, value)
);

create index account_external_id_account_idx on opportunity_pipeline.account_external_id (account_id);

create table opportunity_pipeline.account_manager (
    id uuid not null,
    employee_number text collate "C" not null,
    territory_code text collate "C" not null,
    in_service boolean not null,
    version bigint not null,
    constraint account_manager_pkey primary key (id),
    constraint account_manager_employee_number_key unique (employee_number)
);

-- A row per version of an offering.
create table opportunity_pipeline.offering (
    id uuid not null,
    code text collate "C" not null,
    version_number integer not null,
    name_zh text not null,
    on_sale boolean not null,
    version bigint not null,
    constraint offering_pkey primary key (id)
);

create index offering_code_idx on opportunity_pipeline.offering (code, version_number);

create table opportunity_pipeline.price (
    id uuid not null,
    offering_code text collate "C" not null,
    charge_kind text not null,
    currency_code text not null,
    -- Of one unit, or of the line where `per_unit` is false; in tiers that of the first one.
    amount numeric(24, 10) not null,
    per_unit boolean not null,
    valid_from_date date not null,
    valid_to_date date,
    deleted boolean not null,
    version bigint not null,
    constraint price_pkey primary key (id)
);

create index price_offering_code_idx on opportunity_pipeline.price (offering_code);

grant select, insert, update, delete on opportunity_pipeline.territory to opportunity_pipeline_service;
grant select, insert, update on opportunity_pipeline.followed to opportunity_pipeline_service;
grant select, insert, update on opportunity_pipeline.account to opportunity_pipeline_service;
grant select, insert, update, delete on opportunity_pipeline.account_external_id to opportunity_pipeline_service;
grant select, insert, update on opportunity_pipeline.account_manager to opportunity_pipeline_service;
grant select, insert, update on opportunity_pipeline.offering to opportunity_pipeline_service;
grant select, insert, update on opportunity_pipeline.price to opportunity_pipeline_service;
