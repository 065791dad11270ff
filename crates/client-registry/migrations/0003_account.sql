create table client_registry.account (
    id uuid not null,
    legal_name text not null,
    short_name text,
    aliases text[] not null,
    credit_code text collate "C",
    -- `system=value`, sorted: what account_external_id keeps unique, beside the account for reading.
    external_ids text[] not null,
    industry_code text,
    parent_id uuid,
    -- Ids from the topmost account, each followed by '/'.
    tree_path text collate "C" not null,
    territory_code text collate "C" not null,
    -- Copy of the territory's path, kept by whoever moves the territory.
    territory_path text collate "C" not null,
    address text,
    employee_count bigint,
    registered_capital numeric(19, 4),
    registered_capital_currency text,
    tax_rank integer,
    public_sector boolean not null,
    legal_representative text,
    tier text,
    state text not null,
    source text,
    tags text[] not null,
    attributes jsonb not null,
    -- Bigrams and trigrams of all names.
    grams text[] not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    activate_time timestamptz,
    constraint account_pkey primary key (id),
    constraint account_credit_code_key unique (credit_code),
    constraint account_parent_fkey foreign key (parent_id) references client_registry.account (id),
    constraint account_territory_fkey foreign key (territory_code) references client_registry.territory (code)
);

create index account_territory_idx on client_registry.account (territory_path, id);
create index account_territory_code_idx on client_registry.account (territory_code);
create index account_tree_idx on client_registry.account (tree_path);
create index account_parent_idx on client_registry.account (parent_id) where parent_id is not null;
-- Without fastupdate a search never pays for the inserts before it.
create index account_grams_idx on client_registry.account using gin (grams) with (fastupdate = off);

create table client_registry.account_external_id (
    system text collate "C" not null,
    value text collate "C" not null,
    account_id uuid not null,
    constraint account_external_id_pkey primary key (system, value),
    constraint account_external_id_account_fkey foreign key (account_id) references client_registry.account (id)
);

create index account_external_id_account_idx on client_registry.account_external_id (account_id);

create table client_registry.account_tier_period (
    id uuid not null,
    account_id uuid not null,
    tier text,
    start_date date not null,
    end_date date,
    reason text not null,
    evaluator text not null,
    create_time timestamptz not null,
    constraint account_tier_period_pkey primary key (id),
    constraint account_tier_period_account_fkey foreign key (account_id) references client_registry.account (id)
);

create index account_tier_period_account_idx on client_registry.account_tier_period (account_id, start_date, id);
-- Never two periods that last.
create unique index account_tier_period_open_key on client_registry.account_tier_period (account_id) where end_date is null;

grant select, insert, update on client_registry.account to client_registry_service;
grant select, insert, delete on client_registry.account_external_id to client_registry_service;
grant select, insert, update on client_registry.account_tier_period to client_registry_service;
