create table client_registry.account_manager (
    id uuid not null,
    -- Subject of the manager's token.
    employee_number text collate "C" not null,
    name text not null,
    -- E.164.
    phone text,
    territory_code text collate "C" not null,
    -- Copy of the territory's path, kept by whoever moves the territory.
    territory_path text collate "C" not null,
    channel text not null,
    grade integer not null,
    -- Codes of GB/T 4754-2017.
    industry_codes text[] not null,
    skills text[] not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint account_manager_pkey primary key (id),
    constraint account_manager_employee_number_key unique (employee_number),
    constraint account_manager_territory_fkey foreign key (territory_code) references client_registry.territory (code)
);

create index account_manager_territory_idx on client_registry.account_manager (territory_path, id);
-- For the foreign key, when a territory is deleted.
create index account_manager_territory_code_idx on client_registry.account_manager (territory_code);

grant select, insert, update on client_registry.account_manager to client_registry_service;
